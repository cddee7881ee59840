"""What stands out in an image: pixels that differ from their surroundings."""

from __future__ import annotations

import torch
from torch import Tensor

REACHES = (12, 24, 48, 28, 56, 112)  # of a pixel's surroundings, in pixels: OpenCV's
GREY_WEIGHTS = (0.299, 0.587, 0.114)


def salient_pixels(images: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of each image's most salient pixel, (B,) int64 each; the first of several, row by row.

    Args:
        images: (B, C, H, W).
    """
    place = saliency(images).flatten(1).argmax(1)
    width = images.shape[3]
    return place // width, place % width


def saliency(images: Tensor) -> Tensor:
    """How much each pixel differs from its surroundings: (B, C, H, W) to (B, H, W), at least 0.

    With g the grey image, smoothed twice by (1, 2, 1) / 4 both ways, and m_r its mean over the pixels from
    r - 1 before to r behind, within the image and without the pixel itself: the sum over r of |g - m_r|.
    OpenCV's StaticSaliencyFineGrained has these windows too; but it rounds to whole grey values, and scales
    what is brighter and what is darker each to its own largest value, so that beside a dark spot a background
    that is brighter by nothing to speak of is as salient.

    Paper: Montabone and Soto, 2010, https://doi.org/10.1016/j.imavis.2009.06.006
    """
    grey = _grey(images.float())
    grey = _smoothed(_smoothed(grey - grey[:, :1, :1]))  # so that of one color all is 0, to the bit
    sums = torch.nn.functional.pad(grey.cumsum(1).cumsum(2), (1, 0, 1, 0))
    salient = torch.zeros_like(grey)
    for reach in REACHES:
        salient = salient + (grey - _surroundings(grey, sums, reach)).abs()
    return salient


def _grey(images: Tensor) -> Tensor:
    """(B, H, W): the luminance of RGB images, of others the mean of their channels."""
    if images.shape[1] != 3:
        return images.mean(1)
    red, green, blue = (weight * images[:, index] for index, weight in enumerate(GREY_WEIGHTS))
    return red + green + blue


def _smoothed(grey: Tensor) -> Tensor:
    """By (1, 2, 1) / 4 down and across; beyond the border the image is mirrored at its last pixel."""
    for axis in (1, 2):
        length = grey.shape[axis]
        index = torch.arange(length, device=grey.device)
        before, behind = (index - 1).abs(), length - 1 - (length - 2 - index).abs()
        before, behind = before.clamp(max=length - 1), behind.clamp(min=0)  # of a single pixel
        grey = (grey.index_select(axis, before) + 2 * grey + grey.index_select(axis, behind)) / 4
    return grey


def _surroundings(grey: Tensor, sums: Tensor, reach: int) -> Tensor:
    """The mean over a pixel's surroundings without it, of sums over all rows and columns before."""
    (top, bottom), (left, right) = (_bounds(length, reach, grey) for length in grey.shape[1:])
    upper, lower = sums.index_select(1, top), sums.index_select(1, bottom)
    total = lower.index_select(2, right) - lower.index_select(2, left)
    total = total - upper.index_select(2, right) + upper.index_select(2, left)
    count = (bottom - top)[:, None] * (right - left)
    return (total - grey) / (count - 1).clamp(min=1)


def _bounds(length: int, reach: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The first of the surroundings of each place of a line, and the first behind them."""
    index = torch.arange(length, device=like.device)
    return (index - reach + 1).clamp(min=0), (index + reach + 1).clamp(max=length)
