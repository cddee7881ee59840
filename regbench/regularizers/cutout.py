"""Cutout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.images.rectangles import inside
from regbench.nn.columns import Columns, columns_of, each_alone, lowest, require_images_or_columns
from regbench.nn.normalization import channel_means
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class Cutout(Regularizer):
    """Cover a square of each image with the mean of the train rows.

    The square has `size` pixels a side and its center at a pixel drawn uniformly from all
    of the image, so part of it may lie outside: with an even size of at most H, on images of H by H,
    ((size - size^2 / (4 H)) / H)^2 of the pixels are covered on average. The mean of the channel is what
    the model sees as 0, the paper's fill. Every example has draws of its own; they do not depend on p or
    size.

    Of a table it covers `size` columns instead, drawn uniformly from all (Kadra et al., 2021,
    https://arxiv.org/abs/2106.11189); the inputs of a category are one column.

    Paper: DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552, section 3.2

    Attributes:
        p: share of the examples that are covered at all, in [0, 1].
        size: pixels, from 1 to twice the image's shorter side; None: half of that side, rounded down, and
            at least 1. Of a table columns, from 1 to all; None: a quarter of them, likewise.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are neither images nor
            columns of numbers, or too small for the size.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    # size is in pixels, or columns: which are many depends on the data, as its default does
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.2, 1.0)}
    follows = ("p", "size")

    p: float
    size: int | None

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        self._fill = torch.zeros(())
        self._columns: Columns | None = None

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            self._length(train, columns_of(train))

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._columns = columns_of(train)
            self._fill = channel_means(train)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        hidden = self._square(batch) if batch.is_images else self._of_table(batch)
        fill = self._fill.to(batch.inputs)
        fill = fill.view(-1, 1, 1) if batch.is_images else fill
        return Batch(torch.where(hidden, fill, batch.inputs), batch.targets, batch.rows)

    def _of_table(self, batch: Batch) -> Tensor:
        """Which inputs are covered: (B, F)."""
        inputs = batch.inputs
        known = self._columns or each_alone(inputs)
        covered = self._length(batch, known)
        draws = self.stream.uniform((len(inputs), known.count + 1), inputs.device)
        sizes = torch.where(draws[:, 0] < self.p, covered, 0)
        return lowest(draws[:, 1:], sizes)[:, known.of]

    def _square(self, batch: Batch) -> Tensor:
        """Which pixels are covered: (B, 1, H, W)."""
        images, pixels = batch.inputs, self._length(batch, None)
        row, column, choice = self.stream.uniform((3, len(images)), images.device)
        top = (row * images.shape[2]).long() - pixels // 2
        left = (column * images.shape[3]).long() - pixels // 2
        sides = torch.where(choice < self.p, pixels, 0)
        return inside(images, top, left, sides, sides)

    def _length(self, rows: Batch | Split, known: Columns | None) -> int:
        """The side of the square on images of this size, or how many columns of a table."""
        require_images_or_columns(rows)
        if known is not None:
            columns = known.count
            if self.size is not None and self.size > columns:
                raise ValueError(
                    f"size must be at most {columns} for a table of so many columns, got {self.size}"
                )
            return max(1, columns // 4) if self.size is None else self.size
        side = min(rows.inputs.shape[2:])
        if self.size is not None and self.size > 2 * side:
            raise ValueError(f"size must be at most {2 * side} for images of {side} px, got {self.size}")
        return max(1, side // 2) if self.size is None else self.size
