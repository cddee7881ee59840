"""Pictures of fractals: attractors of random iterated function systems, in colors."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

FEWEST, MOST = 2, 5  # maps of a system
LEAST_SCALE, MOST_SCALE = 0.3, 0.85  # singular values of a map: below 1, so that it brings points together
SETTLING = 30  # steps until a point is on the attractor, to less than a pixel: 0.85^30 is 0.008
POINTS_PER_PIXEL = 4
STEPS = 64  # of each point on its attractor; all points of a picture go at once
MARGIN = 0.02  # of the points that lie outside at each edge
AT_ONCE = 2**21  # points that exist at any moment


def fractals(count: int, channels: int, height: int, width: int, seed: int) -> Tensor:
    """Pictures (count, channels, height, width) in [0, 1], the same for the same seed.

    Each has 2 to 5 affine maps z -> A z + b, A = turn * diag(s1, s2) * turn with angles uniform, s uniform in
    [0.3, 0.85] and signs even, b uniform in [-1, 1]^2. A point goes by one of them after another, drawn in
    proportion to |det A|, and leaves in every pixel that it meets a mark in its color, which at each step
    becomes the mean of what it was and the color of the map. Brightness is log(1 + marks), over the
    picture's largest, on a background of one color; all colors are uniform. The middle 96 % of the points in
    both directions fill the picture.

    Paper: Barnsley, 1988, Fractals Everywhere, chapter III (the random iteration algorithm); Draves and
    Reckase, 2003, https://flam3.com/flame_draves.pdf (colors, and the logarithm)
    """
    draws = torch.Generator().manual_seed(seed)
    walkers = min(math.ceil(POINTS_PER_PIXEL * height * width / STEPS), AT_ONCE // STEPS)
    size = max(1, AT_ONCE // (walkers * STEPS))
    parts = [min(size, count - start) for start in range(0, count, size)]
    return torch.cat([_pictures(part, channels, height, width, walkers, draws) for part in parts])


def _pictures(
    count: int, channels: int, height: int, width: int, walkers: int, draws: torch.Generator
) -> Tensor:
    places, colors = walk(drawn_systems(count, channels, draws), walkers, draws)
    low, high = (places.quantile(share, 1, keepdim=True) for share in (MARGIN, 1 - MARGIN))
    places = (places - low) / (high - low).clamp(min=1e-6)
    inside = ((places >= 0) & (places < 1)).all(2)
    row, column = (places[..., 1] * height).long(), (places[..., 0] * width).long()
    pixel = (torch.arange(count)[:, None] * height + row) * width + column
    kept, pixels = pixel[inside], count * height * width
    marks = torch.bincount(kept, minlength=pixels).float().view(count, 1, height, width)
    sums = [torch.bincount(kept, colors[..., c][inside], minlength=pixels) for c in range(channels)]
    mean = torch.stack(sums, 1).float().view(count, height, width, channels).movedim(3, 1) / marks.clamp(
        min=1
    )
    brightness = marks.log1p() / marks.amax((1, 2, 3), keepdim=True).log1p().clamp(min=1e-6)
    background = _uniform((count, channels, 1, 1), draws)
    return background.lerp(mean, brightness).clamp(0, 1)


class Systems(NamedTuple):
    """Iterated function systems, of M maps at most.

    Attributes:
        maps: (count, M, 2, 2).
        shifts: (count, M, 2).
        tints: (count, M, channels), the colors of the maps, in [0, 1].
        chances: (count, M), those of the maps and all before; 1 from the last map on.
    """

    maps: Tensor
    shifts: Tensor
    tints: Tensor
    chances: Tensor


def drawn_systems(count: int, channels: int, draws: torch.Generator) -> Systems:
    """Random systems, as `fractals` says."""

    def uniform(*shape: int) -> Tensor:
        return _uniform((count, *shape), draws)

    number = FEWEST + (uniform() * (MOST - FEWEST + 1)).long()
    scales = LEAST_SCALE + (MOST_SCALE - LEAST_SCALE) * uniform(MOST, 2)
    signed = scales * (1 - 2 * (uniform(MOST, 2) < 0.5).float())
    maps = _turn(uniform(MOST)) @ torch.diag_embed(signed) @ _turn(uniform(MOST))
    shifts, tints = 2 * uniform(MOST, 2) - 1, uniform(MOST, channels)
    exists = torch.arange(MOST) < number[:, None]
    chances = (scales.prod(2) * exists).cumsum(1)
    return Systems(maps, shifts, tints, chances / chances[:, -1:])


def walk(systems: Systems, walkers: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Places (count, P, 2) on the attractors and their colors (count, P, channels), P = STEPS * walkers."""
    count, most, channels = systems.tints.shape
    place = torch.zeros(count, walkers, 2, dtype=torch.float32)
    color = torch.full((count, walkers, channels), 0.5, dtype=torch.float32)
    of = torch.arange(count)[:, None]
    places, colors = [], []
    for step in range(SETTLING + STEPS):
        uniform = _uniform((count, walkers), draws)
        chosen = torch.searchsorted(systems.chances, uniform, right=True).clamp(max=most - 1)
        place = (systems.maps[of, chosen] @ place[..., None])[..., 0] + systems.shifts[of, chosen]
        color = (color + systems.tints[of, chosen]) / 2
        if step >= SETTLING:
            places.append(place)
            colors.append(color)
    return torch.cat(places, 1), torch.cat(colors, 1)


def _uniform(shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=draws, dtype=torch.float32)


def _turn(share: Tensor) -> Tensor:
    """Rotations by shares of the circle: (...) to (..., 2, 2)."""
    angle = 2 * math.pi * share
    return torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).unflatten(-1, (2, 2))
