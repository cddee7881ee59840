"""Images that are turned, sheared and shifted, each by numbers of its own.

Images are (B, C, H, W), float; outside of them all is black. Numbers are (B,), on the device of the images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.types import Split

HARMLESS_TURN = 15  # degrees


def turning_note(train: Split, degrees: float) -> str:
    """What a person should know of images turned by up to so many degrees; empty where labels bear that."""
    if train.mirrors or degrees <= HARMLESS_TURN:
        return ""
    return (
        f"turns images by up to {degrees:.3g} degrees, which may change their label: digits and letters bear "
        f"about {HARMLESS_TURN} (a 6 turned far enough is a 9)"
    )


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turn counter-clockwise about the center, bilinear between pixels."""
    degrees = degrees.to(images.dtype)
    still = torch.zeros_like(degrees)
    return warp(images, placement(images.shape[2:], degrees, still, still, still, still))


def translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift by whole pixels, exactly: no pixel is interpolated."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) - down.long()[:, None]
    columns = torch.arange(width, device=images.device) - right.long()[:, None]
    inner_rows, inner_columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    places = (inner_rows[:, :, None] * width + inner_columns[:, None, :]).flatten(1)[:, None]
    moved = images.flatten(2).gather(2, places.expand(-1, images.shape[1], -1)).view(images.shape)
    shown = (rows == inner_rows)[:, :, None] & (columns == inner_columns)[:, None, :]
    return moved * shown[:, None].to(images.dtype)


def placement(
    size: torch.Size, degrees: Tensor, slope_x: Tensor, slope_y: Tensor, right: Tensor, down: Tensor
) -> Tensor:
    """What `warp` takes: where each pixel comes from, of images turned, or sheared, or shifted.

    One of the five acts on an image and the others are 0; where all are 0 it stays as it is, to the bit.

    Args:
        size: height and width.
        degrees: (B,) counter-clockwise, about the center.
        slope_x: by how many pixels a row is shifted to the left for every pixel that it lies below the upper
            border.
        slope_y: a column, up, for every pixel that it lies right of the left border.
        right: by how many pixels all is shifted; whole ones, the rest is cut off.
        down: likewise.

    Returns:
        (B, 2, W + H), x and y, in grid_sample's units: what a pixel's column adds to its place, and its row.
    """
    height, width = size
    angle = degrees.deg2rad()
    cos, sin = angle.cos(), angle.sin()
    unit_x, unit_y = 2 / _full(width), 2 / _full(height)
    start_x, start_y = unit_x * width / 2 - 1, unit_y * height / 2 - 1
    by_column = torch.stack([cos * unit_x, (slope_y + sin) * unit_y], 1)[:, :, None]
    by_row = torch.stack([(slope_x - sin) * unit_x, cos * unit_y], 1)[:, :, None]
    offset_x = (slope_x * (height / 2) - right.trunc()) * unit_x + start_x
    offset_y = (slope_y * (width / 2) - down.trunc()) * unit_y + start_y
    offset = torch.stack([offset_x, offset_y], 1)[:, :, None]
    columns, rows = (_offsets(side, degrees) for side in (width, height))
    return torch.cat([by_column * columns + offset, by_row * rows], 2)


def warp(images: Tensor, places: Tensor) -> Tensor:
    """Show at each pixel what lies at its place, (B, 2, W + H) of `placement`, bilinear between four pixels.

    The image is padded to sides that are powers of two, in which grid_sample reckons whole pixels exactly:
    an image that is not moved, or by whole pixels, keeps its bits.
    """
    height, width = images.shape[2:]
    columns, rows = places.split([width, height], 2)
    grid = (columns[:, :, None] + rows[..., None]).permute(0, 2, 3, 1)  # (B, H, W, 2)
    padded = F.pad(images, (0, _full(width) - width, 0, _full(height) - height))
    return F.grid_sample(padded, grid, "bilinear", "zeros", align_corners=False)


def _offsets(side: int, like: Tensor) -> Tensor:
    """The pixels of a side, from the center."""
    return torch.arange((1 - side) / 2, side / 2, dtype=like.dtype, device=like.device)


def _full(side: int) -> int:
    """The smallest power of two that holds a side."""
    return 1 << (side - 1).bit_length()
