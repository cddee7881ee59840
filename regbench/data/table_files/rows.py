"""What the sources of tables share: rows of numbers and codes, and inputs learned from the train rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor

from regbench.data.memory import require_memory
from regbench.data.table_files.columns import Column
from regbench.data.table_files.csv_rows import Cells
from regbench.data.table_files.encoding import Numbers, TableEncoding, encoding_of
from regbench.tasks import Loss


@dataclass(frozen=True)
class Taken:
    """Rows of a file that have a target.

    Attributes:
        cells: the file.
        rows: (N,), their numbers among the file's.
        inputs: (N, columns) float64, see `TableRows`.
        labels: (N,) int64 classes, or (N, 1) float64 numbers.
        groups: (N,), the name of each row's group; None where there are no groups.
    """

    cells: Cells
    rows: np.ndarray
    inputs: Tensor
    labels: Tensor
    groups: np.ndarray | None

    def __getitem__(self, chosen: Tensor) -> Taken:
        groups = None if self.groups is None else self.groups[chosen.numpy()]
        return Taken(self.cells, self.rows[chosen.numpy()], self.inputs[chosen], self.labels[chosen], groups)

    @property
    def labelled(self) -> tuple[Tensor, Tensor]:
        return self.inputs, self.labels

    def origin(self, row: int) -> str:
        """The place of a row, for a person to look it up."""
        return f"{self.cells.place(int(self.rows[row]))} of {Path(self.cells.path).name}"


class TableRows(ABC):
    """Rows of columns, each a number or a category, as a source of standardized inputs.

    `train` and `test` return (N, columns) float64: a number, the place of a category among those of the whole
    first file, NaN where a value is missing. Which inputs become of them is decided by `encoding_of`, from
    the kept train rows alone.

    Attributes:
        numbers: standardize: minus the mean, by the standard deviation; quantile: normal scores.
        rare: categories that train has in fewer rows have one input together, at least 1.
        unit: what numbers to predict are counted in; may be empty.
        loss: of numbers to predict.
    """

    scale: ClassVar[float] = 1.0
    mirrors: ClassVar[bool] = False

    numbers: Numbers
    rare: int
    unit: str = ""
    loss: Loss

    @property
    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """The columns that inputs are made of."""

    @property
    @abstractmethod
    def classes(self) -> Sequence[str]:
        """The names of the classes; none where numbers are predicted."""

    @property
    @abstractmethod
    def targets(self) -> Sequence[str]:
        """The names of the numbers that are predicted; none where that are classes."""

    @property
    def loss_form(self) -> Loss:
        return self.loss

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The columns, before anything is learned: what they become is told by the encoding."""
        return (len(self.columns),)

    @property
    def num_classes(self) -> int:
        return len(self.classes) or len(self.targets)

    def encoding_of(self, train: Tensor) -> TableEncoding:
        """The inputs by the rows (N, columns) that the train split has kept."""
        found = encoding_of(train, self.columns, self.numbers, self.rare)
        need = 2 * len(train) * found.in_shape[0] * 4
        require_memory(need, f"{found.in_shape[0]:,} inputs of {len(train):,} rows")
        return found
