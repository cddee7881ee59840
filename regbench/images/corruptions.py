"""Five standard corruptions of images, (B, C, H, W) in [0, 1], each at five severities.

After Hendrycks and Dietterich, 2019, https://arxiv.org/abs/1903.12261, with the constants of CIFAR-10-C:
https://github.com/hendrycks/robustness, ImageNet-C/create_c/make_cifar_c.py. Unlike there results stay
floats: nothing is rounded to 256 levels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.streams import keyed_seed

SIDE = 32  # pixels: the width of the images that the constants are for
TRUNCATE = 4  # standard deviations at which a Gaussian's tails are cut


def add_noise(images: Tensor, sd: float, generator: torch.Generator) -> Tensor:
    """Add a normal draw to every number, drawn on the CPU whatever the images' device."""
    noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return images + sd * noise.to(images.device)


def blur(images: Tensor, sd: float, _: torch.Generator | None = None) -> Tensor:
    """Convolve with a Gaussian, first along the rows and then along the columns; border pixels are repeated.

    sd is in pixels of images 32 wide; of wider ones it is the same share of the width. Of narrower ones it is
    as many pixels: a narrower Gaussian would change nothing.
    """
    sd = sd * max(1.0, images.shape[-1] / SIDE)
    reach = int(TRUNCATE * sd + 0.5)
    weights = [math.exp(-0.5 * (step / sd) ** 2) for step in range(-reach, reach + 1)]
    for axis in (2, 3):
        size = images.shape[axis]
        padded = F.pad(images, (reach, reach, 0, 0) if axis == 3 else (0, 0, reach, reach), mode="replicate")
        shifted = (padded.narrow(axis, start, size) * weight for start, weight in enumerate(weights))
        images = sum(shifted, torch.zeros_like(images)) / sum(weights)
    return images


def lower_contrast(images: Tensor, share: float, _: torch.Generator | None = None) -> Tensor:
    """Keep this share of each pixel's distance from the mean of its image's channel."""
    means = images.mean((2, 3), keepdim=True)
    return (images - means) * share + means


def brighten(images: Tensor, amount: float, _: torch.Generator | None = None) -> Tensor:
    """Add to the value of HSV, the largest of a pixel's channels, up to 1; hue and saturation stay.

    RGB' = RGB * V' / V with V' = min(V + amount, 1); black, which has no hue, becomes grey. Of a grey image
    the one channel is the value.
    """
    value = images.amax(1, keepdim=True)
    brighter = (value + amount).clamp(max=1)
    black = value <= 0
    return torch.where(black, brighter, images * (brighter / torch.where(black, 1, value)))


def pixelate(images: Tensor, share: float, _: torch.Generator | None = None) -> Tensor:
    """Shrink to this share of the sides, rounded down to pixels, by box; stretch back by the nearest pixel.

    A pixel of the small image is the mean of the whole pixels whose centres lie in it, as by Pillow's BOX.
    """
    for axis in (2, 3):
        side = images.shape[axis]
        small = max(1, int(side * share))
        centres = 2 * torch.arange(side, device=images.device) + 1  # in half pixels
        within = (centres * small + 2 * side - 1) // (2 * side) - 1  # a centre on an edge counts to its left
        box = F.one_hot(within, small).to(images.dtype)  # (side, small)
        shrunk = images.movedim(axis, -1) @ (box / box.sum(0))
        images = shrunk[..., centres * small // (2 * side)].movedim(-1, axis)
    return images


Change = Callable[[Tensor, float, torch.Generator], Tensor]
CORRUPTIONS: Mapping[str, tuple[Change, tuple[float, ...]]] = {
    "noise": (add_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "blur": (blur, (0.4, 0.6, 0.7, 0.8, 1.0)),
    "contrast": (lower_contrast, (0.75, 0.5, 0.4, 0.3, 0.15)),
    "brightness": (brighten, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "pixelate": (pixelate, (0.95, 0.9, 0.85, 0.75, 0.65)),
}
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass
class Corruption:
    """One corruption at one severity, to be called with a split's images, chunk after chunk, in order.

    Its draws depend on these two alone, so that every run is shown the same images.

    Attributes:
        name: a key of `CORRUPTIONS`.
        severity: 1 to 5.
    """

    name: str
    severity: int
    _generator: torch.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._generator = torch.Generator().manual_seed(keyed_seed("corruption", self.name, self.severity))

    def __call__(self, images: Tensor) -> Tensor:
        """Images of the same shape, in [0, 1]."""
        change, strengths = CORRUPTIONS[self.name]
        return change(images, strengths[self.severity - 1], self._generator).clamp(0, 1)
