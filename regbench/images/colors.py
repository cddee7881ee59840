"""Brightness, contrast, saturation and hue of a batch, each example with a factor of its own.

Images are (B, C, H, W), float, in [0, 1], and are not rounded; factors are (B,), on the device of the images.
Each operation does to every example what torchvision's functional of the same name does to one of floats.
A factor of 1 changes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

GREY_WEIGHTS = (0.2989, 0.587, 0.114)  # of red, green and blue, as torchvision has them


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply by the factor, at most to white."""
    return _blend(images, torch.zeros_like(images), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Move every pixel away from the mean grey of its image."""
    return _blend(images, _grey(images).mean((1, 2, 3), keepdim=True), factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Move every pixel away from its own grey; a grey image stays as it is."""
    return _blend(images, _grey(images), factor) if images.shape[1] == 3 else images.clone()


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


def _blend(images: Tensor, others: Tensor, factor: Tensor) -> Tensor:
    factor = factor.to(images.dtype)[:, None, None, None]
    return (images * factor + others * (1 - factor)).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    """(B, 1, H, W): the luminance of RGB images, grey ones themselves."""
    if images.shape[1] != 3:
        return images
    weights = torch.tensor(GREY_WEIGHTS, dtype=images.dtype, device=images.device)
    return (images * weights[:, None, None]).sum(1, keepdim=True)
