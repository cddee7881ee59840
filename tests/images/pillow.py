"""What Pillow makes of an image: the independent word on operations that work on bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

OPERATIONS: Mapping[str, Callable[[Image.Image, float], Image.Image]] = {
    "brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    "contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
    "posterize": lambda image, bits: ImageOps.posterize(image, round(bits)),
    "solarize": lambda image, threshold: ImageOps.solarize(image, math.ceil(threshold * 255 - 1e-3)),
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
}


def by_pillow(name: str, image: Tensor, strength: float = 0.0) -> Tensor:
    """An image of 1 or 3 channels, (C, H, W) in [0, 1], rounded to bytes and changed by Pillow."""
    levels = (image * 255).round().to(torch.uint8)
    changed = OPERATIONS[name](vision.to_pil_image(levels), strength)
    return vision.pil_to_tensor(changed).to(image.dtype) / 255
