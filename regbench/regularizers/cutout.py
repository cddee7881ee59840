"""Cutout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from regbench.images.checks import require_images
from regbench.images.rectangles import inside
from regbench.nn.normalization import channel_means
from regbench.regularizers.base import Regularizer
from regbench.types import Batch, Split


@dataclass
class Cutout(Regularizer):
    """Cover a square of each image with the mean of the train rows.

    The square has `size` pixels a side and its center at a pixel drawn uniformly from all of the image, so
    part of it may lie outside: with an even size of at most H, on images of H by H,
    ((size - size^2 / (4 H)) / H)^2 of the pixels are covered on average. The mean of the channel is what
    the model sees as 0, the paper's fill. Every example has draws of its own; they do not depend on p or
    size.

    Paper: DeVries and Taylor, 2017, https://arxiv.org/abs/1708.04552, section 3.2

    Attributes:
        p: share of the examples that are covered at all, in [0, 1].
        size: pixels, from 1 to twice the image's shorter side; None: half of that side, rounded down, and
            at least 1.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images, or
            too small for the size.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}

    p: float
    size: int | None

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must lie in [0, 1], got {self.p}")
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        self._fill = torch.zeros(())

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            self._pixels(train)

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._fill = channel_means(train).view(-1, 1, 1)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        images, pixels = batch.inputs, self._pixels(batch)
        row, column, choice = self.stream.uniform((3, len(images)))
        top = (row * images.shape[2]).long() - pixels // 2
        left = (column * images.shape[3]).long() - pixels // 2
        sides = torch.where(choice < self.p, pixels, 0)
        hidden = inside(images, top, left, sides, sides)
        return Batch(torch.where(hidden, self._fill.to(images), images), batch.targets)

    def _pixels(self, rows: Batch | Split) -> int:
        """The side of the square on images of this size."""
        require_images(rows)
        side = min(rows.inputs.shape[2:])
        if self.size is not None and self.size > 2 * side:
            raise ValueError(f"size must be at most {2 * side} for images of {side} px, got {self.size}")
        return max(1, side // 2) if self.size is None else self.size
