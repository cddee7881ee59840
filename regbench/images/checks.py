"""Are inputs images?"""

from __future__ import annotations

import torch

from regbench.types import Batch, Split


def require_images(rows: Batch | Split) -> None:
    """Refuse inputs that are no images.

    Raises:
        ValueError: they are not of shape (B, C, H, W).
    """
    if not rows.is_images:
        raise ValueError(f"inputs must be images of shape (B, C, H, W), got {tuple(rows.inputs.shape)}")


def require_pixels(train: Split, colors: bool = False) -> None:
    """Check once that all rows of a split are what the operations on images are defined on.

    Args:
        train: the rows.
        colors: whether images must be grey or RGB.

    Raises:
        ValueError: inputs are no images, have another number of channels, or lie outside [0, 1].
    """
    require_images(train)
    inputs = train.inputs
    if colors and inputs.shape[1] not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels, got {inputs.shape[1]}")
    scale = train.scale if inputs.dtype == torch.uint8 else 1.0
    low, high = inputs.min().item() / scale, inputs.max().item() / scale
    if low < 0 or high > 1:
        raise ValueError(f"pixels must lie in [0, 1], got {low:.4g} to {high:.4g}")
