"""Rectangles of images, one for each example of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def inside(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Which pixels lie in the rectangle of each example; what stands over the border is cut off.

    Args:
        images: (B, C, H, W), for their size.
        top: (B,) whole numbers, the row of the upper edge, also outside the image.
        left: the column of the left edge, likewise.
        height: (B,) whole numbers of rows, at least 0.
        width: of columns, likewise.

    Returns:
        (B, 1, H, W) bool.
    """
    rows = _between(images.shape[2], top, height)
    columns = _between(images.shape[3], left, width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _between(length: int, start: Tensor, size: Tensor) -> Tensor:
    """(B, length): whether each index is one of the `size` from `start` on."""
    index = torch.arange(length, device=start.device)
    return (index >= start[:, None]) & (index < (start + size)[:, None])
