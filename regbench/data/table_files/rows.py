"""What the sources of tables share: rows of numbers and codes, and inputs learned from the train rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from regbench.data.memory import require_memory
from regbench.data.source import Predicted
from regbench.data.splits import fifth_apart
from regbench.data.table_files.columns import Column
from regbench.data.table_files.encoding import Numbers, TableEncoding, encoding_of

Loss = Literal["squared", "huber", "absolute"]


@dataclass
class TableRows(ABC):
    """Rows of columns, each a number or a category, as a source of standardized inputs.

    `train` and `test` return (N, columns) float64: a number, the place of a category among those of the whole
    first file, NaN where a value is missing. Which inputs become of them is decided by `encoding_of`, from
    the kept train rows alone.

    Attributes:
        numbers: standardize: minus the mean, by the standard deviation; quantile: normal scores.
        rare: categories that train has in fewer rows have one input together, at least 1.
        loss: of numbers to predict.

    Raises:
        ValueError: a field is out of range.
    """

    scale: ClassVar[float] = 1.0
    mirrors: ClassVar[bool] = False

    numbers: Numbers
    rare: int
    loss: Loss

    def __post_init__(self) -> None:
        if self.rare < 1:
            raise ValueError(f"rare must be at least 1, got {self.rare}")

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
    def predicts(self) -> Predicted | None:
        """The numbers that are predicted; None for classes."""

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The columns, before anything is learned: what they become is told by the encoding."""
        return (len(self.columns),)

    @property
    def num_classes(self) -> int:
        return len(self.classes) if self.predicts is None else len(self.predicts.targets)

    def encoding_of(self, train: Tensor) -> TableEncoding:
        """The inputs by the rows (N, columns) that the train split has kept."""
        found = encoding_of(train, self.columns, self.numbers, self.rare)
        need = 2 * len(train) * found.in_shape[0] * 4
        require_memory(need, f"{found.in_shape[0]:,} inputs of {len(train):,} rows")
        return found
