"""Changes of pixels one by one: a table for each image, of what each of 256 values becomes.

Values are whole numbers from 0 to 255, as floats: pixels in [0, 1] are rounded to them, and what comes out is
one of them. So Pillow does, whose numbers these are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

WHITE = 255
NEAR = 1e-3  # of a value: what rounding may have done to a threshold
LUMA = (19595, 38470, 7471)  # of red, green and blue in Pillow's grey, in 65536ths


@dataclass(frozen=True)
class Changes:
    """What is done to the values of each of B images; one of these acts and the others are at rest, or None.

    Attributes:
        fixed: (B, 256) the table, as far as it is the same for every image; at rest each value itself.
        contrast: (B,) the factor; at rest 1.
        stretch: (B,) 1 where each channel is stretched to reach from 0 to 255; at rest 0.
        equalize: (B,) 1 where the values of each channel are spread evenly; at rest 0.
    """

    fixed: Tensor
    contrast: Tensor | None = None
    stretch: Tensor | None = None
    equalize: Tensor | None = None


def fixed_table(bits: Tensor, threshold: Tensor, factor: Tensor) -> Tensor:
    """(B, 256): posterized, solarized or made brighter; at rest are 8 bits, any threshold above 1, factor 1.

    Args:
        bits: (B,) upper bits that are kept, 0 to 8, rounded to whole ones.
        threshold: (B,) in [0, 1]; values from threshold * 255 on are inverted.
        factor: (B,) by which values are multiplied, the rest cut off, at most to white.
    """
    values = torch.arange(WHITE + 1, dtype=factor.dtype, device=factor.device)
    unit = 2 ** (8 - bits.round())[:, None]
    kept = (values / unit).floor() * unit
    inverted = (kept - WHITE * (kept >= threshold[:, None] * WHITE - NEAR)).abs()  # quicker than where
    return (inverted * factor[:, None]).floor().clamp(0, WHITE)


def changed(images: Tensor, changes: Changes) -> Tensor:
    """The images, (B, C, H, W) in [0, 1], rounded to 256 values and changed."""
    values = (images.flatten(2) * WHITE).round_().clamp(0, WHITE)  # (B, C, H * W)
    levels = values.long()
    table = changes.fixed[:, None]  # (B, C or 1, 256)
    if changes.contrast is not None:
        middle = (_grey(values).mean((1, 2), keepdim=True) + 0.5).floor()
        table = middle + changes.contrast[:, None, None] * (table - middle)
    high = values.amax(2, keepdim=True)
    if changes.stretch is not None:
        table = table.lerp(*_stretched(table, values.amin(2, keepdim=True), high, changes.stretch))
    if changes.equalize is not None:
        table = table.lerp(*_spread(levels, high, changes.equalize))
    table = table.clamp(0, WHITE).floor_().div_(WHITE)
    return table.expand(*levels.shape[:2], -1).gather(2, levels).view(images.shape)


def _stretched(table: Tensor, low: Tensor, high: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """A table (B, C, 256) from 0 at the lowest value to 255 at the highest, and where it acts, 1 or 0."""
    reach = high - low
    return (table - low).mul_(WHITE).div_(reach.clamp(min=1)), reach.clamp(max=1) * wanted[:, None, None]


def _spread(levels: Tensor, high: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """What Pillow equalizes by: a table (B, C, 256), and where it acts, 1 or 0.

    With step = (pixels below the largest value) // 255 a value goes to (pixels below it + step // 2) // step,
    which is that quotient rounded, half up; a channel whose step is 0 stays.
    """
    ones = wanted[:, None, None].expand(levels.shape)  # and nothing is counted where it is not wanted
    counts = torch.zeros((*levels.shape[:2], WHITE + 1), dtype=high.dtype, device=high.device)
    counts = counts.scatter_add(2, levels, ones)
    below = counts.cumsum(2) - counts
    step = below.gather(2, high.long()).div(WHITE, rounding_mode="floor")
    return below.div_(step.clamp(min=1)).add_(0.5), step.clamp(max=1)


def _grey(values: Tensor) -> Tensor:
    """(B, 1, H * W): Pillow's grey of RGB images, grey ones themselves."""
    if values.shape[1] != 3:
        return values
    red, green, blue = (values[:, index : index + 1] * LUMA[index] for index in range(3))
    return ((red + green + blue + 2**15) / 2**16).floor()
