"""Image operations on a batch, each example with a strength of its own.

Images are (B, C, H, W), float, in [0, 1]; strengths are (B,), on the device of the images. Each operation
returns new images and does to every example what torchvision's functional of the same name does to one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.types import Split

Op = Callable[[Tensor, Tensor], Tensor]
HARMLESS_TURN = 15  # degrees
GREY_WEIGHTS = (0.2989, 0.587, 0.114)  # of red, green and blue, as torchvision has them


def turning_note(train: Split, degrees: float) -> str:
    """What a person should know of images turned by up to so many degrees; empty where labels bear that."""
    if train.mirrors or degrees <= HARMLESS_TURN:
        return ""
    return (
        f"turns images by up to {degrees:.3g} degrees, which may change their label: digits and letters bear "
        f"about {HARMLESS_TURN} (a 6 turned far enough is a 9)"
    )


# --- geometric: bilinear between pixels, black outside


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turn counter-clockwise about the center."""
    angle = degrees.deg2rad()
    zero = torch.zeros_like(angle)
    rows = ([angle.cos(), -angle.sin(), zero], [angle.sin(), angle.cos(), zero])
    return _warp(images, torch.stack([torch.stack(row, 1) for row in rows], 1))


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


def shear_x(images: Tensor, slope: Tensor) -> Tensor:
    """Shift each row to the left by slope pixels for every pixel that it lies below the upper border."""
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    offset = slope * images.shape[2] / 2
    return _warp(
        images,
        torch.stack([torch.stack([one, slope, offset], 1), torch.stack([zero, one, zero], 1)], 1),
    )


def shear_y(images: Tensor, slope: Tensor) -> Tensor:
    """Shift each column up by slope pixels for every pixel that it lies right of the left border."""
    return shear_x(images.mT, slope).mT


def translate_x(images: Tensor, pixels: Tensor) -> Tensor:
    """Shift to the right by whole pixels, the rest of the number cut off."""
    return translate(images, torch.zeros_like(pixels), pixels.trunc())


def translate_y(images: Tensor, pixels: Tensor) -> Tensor:
    """Shift down by whole pixels, the rest of the number cut off."""
    return translate(images, pixels.trunc(), torch.zeros_like(pixels))


def _warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Show at each place the pixel at matrix @ (x, y, 1), in pixels from the center."""
    height, width = images.shape[2:]
    # what grid_sample calls 1 is half a side away from the center
    half = torch.tensor([width / 2, height / 2], dtype=images.dtype, device=images.device)
    scale = torch.cat([half, half.new_ones(1)])
    grid = F.affine_grid(
        matrices.to(images.dtype) * scale / half[:, None], list(images.shape), align_corners=False
    )
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


# --- photometric: a factor of 1 changes nothing


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by the factor, at most to white."""
    return _blend(images, torch.zeros_like(images), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move every pixel away from the mean grey of its image."""
    return _blend(images, _grey(images).mean((1, 2, 3), keepdim=True), factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move every pixel away from its own grey; a grey image stays as it is."""
    return _blend(images, _grey(images), factor) if images.shape[1] == 3 else images.clone()


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Move every pixel within the border away from the mean around it, which weighs it five times."""
    if min(images.shape[2:]) < 3:
        return images.clone()
    kernel = torch.ones(3, 3, dtype=images.dtype, device=images.device)
    kernel[1, 1] = 5
    blurred, inner = images.clone(), images.flatten(0, 1)[:, None]
    blurred[:, :, 1:-1, 1:-1] = F.conv2d(inner, (kernel / 13)[None, None]).view(
        blurred[:, :, 1:-1, 1:-1].shape
    )
    return _blend(images, blurred, factor)


def hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the color circle by a share of it, in [-0.5, 0.5]; a grey image stays as it is.

    Value and saturation of every pixel are kept: with largest channel V, smallest m and hue H in [0, 6) a
    channel n in (5, 3, 1) is V - (V - m) * max(0, min(k, 4 - k, 1)), k = (n + H) mod 6.
    """
    if images.shape[1] != 3:
        return images.clone()
    red, green, blue = images.unbind(1)
    low, high = torch.aminmax(images, dim=1)
    spread = high - low
    divisor = torch.where(spread > 0, spread, 1)
    sector = torch.where(
        high == red,
        (green - blue) / divisor,
        torch.where(high == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sector = sector + 6 * shift[:, None, None]
    places = [(n + sector) % 6 for n in (5, 3, 1)]
    channels = [high - spread * torch.minimum(k, 4 - k).clamp(0, 1) for k in places]
    return torch.stack(channels, 1).clamp(0, 1)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the upper bits of each pixel, as floating-point images have it: 2^bits levels from 0."""
    levels = (2.0 ** bits.round()).to(images.dtype)[:, None, None, None]
    return (images * levels).floor().minimum(levels - 1) / levels


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert the pixels that are at least the threshold."""
    return torch.where(images >= threshold[:, None, None, None], 1 - images, images)


def autocontrast(images: Tensor, strength: Tensor) -> Tensor:
    """Stretch each channel to reach from 0 to 1; a channel of one value stays. The strength is not used."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    flat = low == high
    stretched = (images - low) / torch.where(flat, 1, high - low)
    return torch.where(flat, images, stretched.clamp(0, 1))


def equalize(images: Tensor, strength: Tensor) -> Tensor:
    """Spread the values of each channel evenly over 256 levels, as Pillow does. The strength is not used.

    With step = (pixels below the largest value) // 255, a value goes to
    (pixels below it + step // 2) // step; a channel whose step is 0 stays, at 256 levels.
    """
    levels = (images * 255.999).long().flatten(2)  # as torchvision makes bytes of floats
    counts = torch.zeros(*levels.shape[:2], 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    below = counts.cumsum(2) - counts
    step = below.gather(2, levels.amax(2, keepdim=True)) // 255
    table = ((below + step // 2) // step.clamp(min=1)).clamp(max=255)
    equalized = torch.where(step > 0, table.gather(2, levels), levels)
    return (equalized.to(images.dtype) / 255).view(images.shape)


def unchanged(images: Tensor, strength: Tensor) -> Tensor:
    """Change nothing. The strength is not used."""
    return images.clone()


def _blend(images: Tensor, others: Tensor, factor: Tensor) -> Tensor:
    factor = factor.to(images.dtype)[:, None, None, None]
    return (images * factor + others * (1 - factor)).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    """(B, 1, H, W): the luminance of RGB images, grey ones themselves."""
    if images.shape[1] != 3:
        return images
    weights = torch.tensor(GREY_WEIGHTS, dtype=images.dtype, device=images.device)
    return (images * weights[:, None, None]).sum(1, keepdim=True)


# --- one operation among several, each example its own


def _more(op: Op, images: Tensor, more: Tensor) -> Tensor:
    """An operation whose factor is 1 and what is added to it."""
    return op(images, 1 + more)


SIGNED: Mapping[str, Op] = {  # strengths of both signs
    "shear_x": shear_x,
    "shear_y": shear_y,
    "translate_x": translate_x,
    "translate_y": translate_y,
    "rotate": rotate,
    "brightness": partial(_more, brightness),
    "saturation": partial(_more, saturation),
    "contrast": partial(_more, contrast),
    "sharpness": partial(_more, sharpness),
}
OPS: Mapping[str, Op] = {
    "identity": unchanged,
    **SIGNED,
    "posterize": posterize,
    "solarize": solarize,
    "autocontrast": autocontrast,
    "equalize": equalize,
}


class Strengths:
    """How strong each operation of OPS is at a level in [0, 1].

    The strength is widest * level with a random sign for an operation of SIGNED; posterize keeps
    8 - dropped_bits * level bits, solarize inverts from 1 - level on, and the others have no strength.

    Args:
        widest: strength of each operation of SIGNED at level 1; translations in pixels, rotate in degrees.
        dropped_bits: bits that posterize drops at level 1.
    """

    def __init__(self, widest: Mapping[str, float], dropped_bits: int) -> None:
        start, slope = {"posterize": 8.0, "solarize": 1.0}, {"posterize": -dropped_bits, "solarize": -1.0}
        slope = dict(widest) | slope
        self._start = torch.tensor([start.get(name, 0.0) for name in OPS])
        self._slope = torch.tensor([float(slope.get(name, 0.0)) for name in OPS])
        self._signed = torch.tensor([name in SIGNED for name in OPS])

    def strengths(self, chosen: Tensor, levels: Tensor, negative: Tensor) -> Tensor:
        """The strength of each example's operation, all (B,): indices into OPS, levels, whether negative."""
        strengths = self._start[chosen] + self._slope[chosen] * levels
        return torch.where(negative & self._signed[chosen], -strengths, strengths)


def apply_each(images: Tensor, chosen: Tensor, strengths: Tensor) -> Tensor:
    """Do to each example the operation that was chosen for it.

    Args:
        images: (B, C, H, W).
        chosen: (B,) indices into OPS, on the CPU, so that no operation waits for the device.
        strengths: (B,) on the CPU; for brightness, saturation, contrast and sharpness the factor minus 1.
    """
    changed = images.clone()
    for index, op in enumerate(OPS.values()):
        rows = (chosen == index).nonzero().flatten()
        if len(rows):
            here = rows.to(images.device)
            changed[here] = op(images[here], strengths[rows].to(images.device, images.dtype))
    return changed
