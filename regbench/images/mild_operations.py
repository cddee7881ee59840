"""The operations of AugMix, which PixMix has too: those that no common corruption is made of."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from regbench.images.operations import OPS, Strengths

OPERATIONS = (
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)
MOST_SEVERE = 10
LEAST = 0.1  # severity of an operation
WIDEST_TURN = 30.0  # degrees
DROPPED_BITS = 4  # by posterize at level 1, of the 4 that it keeps at level 0
_POSTERIZE = OPS.index("posterize")


def operations_of(
    places: Tensor, uniform: Tensor, negative: Tensor, severity: int, size: torch.Size
) -> tuple[Tensor, Tensor]:
    """What is to be done, for `apply_chosen`: (B,) indices into OPS, and (B,) strengths.

    Levels are uniform in [0.1, severity] / 10; at level 1 slopes are 0.3, distances a third of the side in
    whole pixels, turns 30 degrees, posterize keeps no bits (at level 0 four) and solarize inverts all, as in
    the code of AugMix's authors.

    Args:
        places: (B,) whole numbers, in OPERATIONS.
        uniform: (B,) in [0, 1), of the level.
        negative: (B,) whole numbers, 1 for the negative sign and 0 for the other.
        severity: the largest level, from 1 to 10.
        size: (H, W) of the images.
    """
    space, order = _space(size, places.device)
    chosen = order[places]
    levels = (LEAST + (severity - LEAST) * uniform) / MOST_SEVERE
    strengths = space.strengths(chosen, levels, negative)
    # a space drops from 8 bits; of 4 and a fraction the authors' code drops the whole number
    return chosen, torch.where(chosen == _POSTERIZE, (strengths - 4).ceil(), strengths)


@lru_cache(maxsize=8)
def _space(size: torch.Size, device: torch.device) -> tuple[Strengths, Tensor]:
    """How strong the operations are on images of a size, and where in OPS those that are drawn stand."""
    height, width = size
    widest = {"shear_x": 0.3, "shear_y": 0.3, "translate_x": width / 3, "translate_y": height / 3}
    places = torch.tensor([OPS.index(name) for name in OPERATIONS], device=device)
    return Strengths(widest | {"rotate": WIDEST_TURN}, DROPPED_BITS, device), places
