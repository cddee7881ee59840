"""Hide-and-seek."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.nn.normalization import channel_means
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split

PAPERS, OF = (16, 32, 44, 56), 224  # sides of patches, and of the images that they were chosen for


@dataclass
class HideAndSeek(Regularizer):
    """Cut each image into square patches, and hide each patch with probability p.

    The grid begins in the upper left corner; patches at the right and lower edges are what is left there. The
    side of an image's patches is drawn from `sizes`, all equally likely. What is hidden becomes the mean of
    the channel over the train rows, so that what a first layer puts out has the same mean with and without
    hiding. Every example has draws of its own.

    Paper: Singh and Lee, 2017, https://arxiv.org/abs/1704.04232, section 3.1; side 0 is of the authors' code

    Attributes:
        p: probability of hiding a patch, in [0, 1).
        sizes: sides in pixels, at most that of the image; 0 hides nothing. None: 0 and the sides of the
            authors' code, 16, 32, 44 and 56 of 224 pixels, as shares of the image's shorter side.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images, or
            smaller than a patch.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.1, 0.6)}
    follows = ("p",)

    p: float
    sizes: list[int] | None

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")
        if self.sizes is not None and (min(self.sizes, default=-1) < 0 or not any(self.sizes)):
            raise ValueError(f"sizes must list pixels, at least 0 and one of them above it, got {self.sizes}")
        self._fill = torch.zeros(())

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            self._sides(train)

    def prepare_data(self, train: Split) -> None:
        if not self.is_off:
            self._fill = channel_means(train).view(-1, 1, 1)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        hidden = self._hidden(batch.inputs, self._sides(batch))
        return Batch(
            torch.where(hidden, self._fill.to(batch.inputs), batch.inputs), batch.targets, batch.rows
        )

    def _hidden(self, images: Tensor, sides: list[int]) -> Tensor:
        """Which pixels are hidden: (B, 1, H, W)."""
        count, _, height, width = images.shape
        device, smallest = images.device, min(side for side in sides if side)
        cells = (-(-height // smallest), -(-width // smallest))  # the larger patches take the first of them
        draws = self.stream.uniform((count, *cells), device) < self.p
        choice = self.stream.integers(len(sides), (count,), device)[:, None, None]
        rows, columns = (torch.arange(length, device=device) for length in (height, width))
        hidden = torch.zeros_like(draws[:, :1, :1])
        for index, side in enumerate(sides):
            if side:
                patches = draws.index_select(1, rows // side).index_select(2, columns // side)
                hidden = hidden | (patches & (choice == index))
        return hidden[:, None]

    def _sides(self, rows: Batch | Split) -> list[int]:
        """The sides of patches on images of this size."""
        require_images(rows)
        shorter = min(rows.inputs.shape[2:])
        if self.sizes is None:
            return [0, *(max(1, int(side * shorter / OF + 0.5)) for side in PAPERS)]
        if max(self.sizes) > shorter:
            raise ValueError(f"sizes must be at most {shorter} for images of {shorter} px, got {self.sizes}")
        return self.sizes
