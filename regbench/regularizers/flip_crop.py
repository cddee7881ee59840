"""Random mirroring and cropping of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from regbench.images.checks import require_images
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split

Fill = Literal["zero", "reflect"]


@dataclass
class FlipCrop(Regularizer):
    """Show a random window of each padded image, or the mirror image of one.

    Each image is padded on every side, a window of its old size is cut at an offset uniform over all that
    fit, and the window's columns are reversed with probability flip. Every example has draws of its own; the
    draws do not depend on p or flip, so that runs at different values see the same crops.

    Paper: He et al., 2016, https://arxiv.org/abs/1512.03385, section 4.2 (p=1, flip=0.5, padding=4, zero)

    Attributes:
        p: share of the examples that are augmented at all, in [0, 1].
        flip: probability of mirroring an augmented one left to right, in [0, 1]; None: 0.5, and 0 for a
            dataset that says that a mirrored image may have another label.
        padding: pixels added on each side, from 0 to half the image's shorter side; None: 4 from 32 pixels
            on, 2 from 16 on, 1 below.
        fill: what is added: zeros, or the image reflected at its border.

    Raises:
        ValueError: a field is out of range; `check_data` and `transform_batch`: inputs are no images, or
            too small for the padding.
    """

    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.2, 1.0)}
    follows = ("p", "flip", "padding")

    p: float
    flip: float | None
    padding: int | None
    fill: Fill

    def __post_init__(self) -> None:
        for name, value in (("p", self.p), ("flip", self.flip)):
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {value}")
        if self.padding is not None and self.padding < 0:
            raise ValueError(f"padding must be at least 0, got {self.padding}")
        self._mirrors = True

    def check_data(self, train: Split) -> None:
        self._mirrors = train.mirrors
        if not self.is_off:
            self._pixels(train)

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        images, pixels = batch.inputs, self._pixels(batch)
        offsets = self.stream.integers(2 * pixels + 1, (2, len(images)), images.device)
        drawn = self.stream.uniform((2, len(images)), images.device)
        chosen = drawn[0] < self.p
        mirrored = chosen & (drawn[1] < self._flip)
        top, left = torch.where(chosen, offsets - pixels, 0)
        return Batch(_windows(images, top, left, mirrored, self.fill), batch.targets, batch.rows)

    def inert(self) -> str:
        nothing = f"off (flip={self.flip}, padding=0)" if self._flip == 0 and self.padding == 0 else ""
        return super().inert() or nothing

    def note(self) -> str:
        if self._mirrors or self.is_off or self.flip == 0:
            return ""
        if self.flip is None:
            return "mirrors no image, for a mirrored one of this dataset may have another label"
        return "mirrored images of this dataset change their meaning; set flip=0"

    @property
    def _flip(self) -> float:
        unasked = 0.5 if self._mirrors else 0.0
        return unasked if self.flip is None else self.flip

    def _pixels(self, rows: Batch | Split) -> int:
        """How many pixels to pad images of this size with."""
        require_images(rows)
        side = min(rows.inputs.shape[2:])
        if self.padding is None:
            return 4 if side >= 32 else 2 if side >= 16 else min(1, side // 2)
        if self.padding > side // 2:
            raise ValueError(
                f"padding must be at most {side // 2} for images of {side} px, got {self.padding}"
            )
        return self.padding


def _windows(images: Tensor, top: Tensor, left: Tensor, mirrored: Tensor, fill: Fill) -> Tensor:
    """The window of the image's own size with its corner at (top, left), its columns reversed where mirrored.

    One gather for the whole batch and no padded copy; a loop over the images is several times slower.
    """
    height, width = images.shape[2:]
    columns = torch.arange(width, device=images.device)
    columns = left[:, None] + torch.where(mirrored[:, None], columns.flip(0), columns)
    rows = top[:, None] + torch.arange(height, device=images.device)
    nearest = _within if fill == "zero" else _reflected
    inner_rows, inner_columns = nearest(rows, height), nearest(columns, width)
    places = (inner_rows[:, :, None] * width + inner_columns[:, None, :]).flatten(1)  # (B, H * W)
    places = places[:, None].expand(-1, images.shape[1], -1)  # the same in every channel
    windows = images.flatten(2).gather(2, places).view(images.shape)
    if fill == "zero":
        row_shown = (rows == inner_rows).to(images.dtype)
        column_shown = (columns == inner_columns).to(images.dtype)
        windows.mul_(row_shown[:, None, :, None] * column_shown[:, None, None, :])
    return windows


def _within(index: Tensor, length: int) -> Tensor:
    """The nearest index inside the image."""
    return index.clamp(0, length - 1)


def _reflected(index: Tensor, length: int) -> Tensor:
    """The index inside the image that stands behind this one in the mirror at the border."""
    return length - 1 - (length - 1 - index.abs()).abs()
