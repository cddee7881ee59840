"""Rectangles of images, one for each example of a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.types import Split

ROWS_AT_ONCE = 1024  # bounds the memory: only this many rows are floats at any moment


def require_images(images: Tensor) -> None:
    """Check that rectangles can be cut from inputs.

    Raises:
        ValueError: they are not of shape (B, C, H, W).
    """
    if images.ndim != 4:
        raise ValueError(f"inputs must be images of shape (B, C, H, W), got {tuple(images.shape)}")


def inside(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Which pixels lie in the rectangle of each example; what stands over the border is cut off.

    Args:
        images: (B, C, H, W), for their size and device.
        top: (B,) whole numbers, the row of the upper edge, also outside the image.
        left: the column of the left edge, likewise.
        height: (B,) whole numbers of rows, at least 0.
        width: of columns, likewise.

    Returns:
        (B, 1, H, W) bool.
    """
    rows = _between(images.shape[2], top, height).to(images.device)
    columns = _between(images.shape[3], left, width).to(images.device)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def channel_means(train: Split) -> Tensor:
    """The mean of each channel over all rows and pixels of a split: (C, 1, 1), in the units of a batch."""
    total = torch.zeros(train.inputs.shape[1], dtype=torch.float64, device=train.inputs.device)
    for start in range(0, len(train), ROWS_AT_ONCE):
        total += train[slice(start, start + ROWS_AT_ONCE)].inputs.double().sum((0, 2, 3))
    mean = total * train.inputs.shape[1] / train.inputs.numel()
    return mean.to(torch.get_default_dtype())[:, None, None]


def _between(length: int, start: Tensor, size: Tensor) -> Tensor:
    """(B, length): whether each index is one of the `size` from `start` on."""
    index = torch.arange(length, device=start.device)
    return (index >= start[:, None]) & (index < (start + size)[:, None])
