"""Swap noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from regbench.nn.checks import require_mixable
from regbench.nn.columns import Columns, columns_of, each_alone
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class SwapNoise(Regularizer):
    """Replace values of each row by those that other rows have in the same column; targets stay.

    With probability p, independently for each row and column, the value becomes that of the same column in a
    row drawn uniformly from the batch, the row itself among them. So a column keeps its distribution over
    the batch, categories and gaps among it, and loses what it has to do with the others. The inputs of a
    category, and a number and its indicator, are one column; of images each value of each pixel is one.
    What comes of a row counts as a view of it and keeps its number, as its target: at a p below 1/2 most of
    its values stay.
    Departure from the paper: rows of the batch, where the paper draws from all train rows, and each value is
    replaced with probability p, where the paper replaces a fixed share of a row's.

    Paper: Bahri, Jiang, Tay and Metzler, 2022, https://arxiv.org/abs/2106.15147, section 3 (the corruption)

    Attributes:
        p: probability of replacing a value, in [0, 1].

    Raises:
        ValueError: p is out of range; `check_data` and `transform_batch`: inputs are token ids.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.5)}
    follows = ("p",)

    p: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        self._columns: Columns | None = None

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_mixable(train, "swap_noise")

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._columns = columns_of(train)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        require_mixable(batch, "swap_noise")
        values = batch.inputs.flatten(1)
        rows, device = len(values), values.device
        columns = self._columns or each_alone(values)
        shape = (rows, columns.count)
        swapped = self.stream.uniform(shape, device) < self.p
        sources = self.stream.integers(rows, shape, device)
        sources = torch.where(swapped, sources, torch.arange(rows, device=device)[:, None])
        return Batch(
            values.gather(0, sources[:, columns.of]).view_as(batch.inputs), batch.targets, batch.rows
        )
