"""The normalizations that a model can hold at its norm sites."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from torch import nn

Norm = Literal["none", "batch", "layer", "group"]

MOST_GROUPS = 32  # what Wu and He recommend
FEWEST_VALUES = 3  # one value normalizes to 0 and two to -1 and 1: nothing of the input is left


def make_norm(kind: Norm, shape: Sequence[int]) -> nn.Module:
    """Make the normalization of a kind for a per-example shape, (N,) or (C, H, W).

    none: the identity. batch: per channel over the batch. layer: over all values of an example, the scale and
    shift per channel. group: per group of channels, the largest number of groups up to 32 that divides them.

    Raises:
        ValueError: there is no such kind, or a layer or group holds too few values to normalize.
    """
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return nn.BatchNorm1d(shape[0]) if len(shape) == 1 else nn.BatchNorm2d(shape[0])
    if kind == "layer":
        _require_values(kind, shape, groups=1)
        return nn.LayerNorm(shape[0]) if len(shape) == 1 else nn.GroupNorm(1, shape[0])
    if kind == "group":
        groups = _group_count(shape[0])
        _require_values(kind, shape, groups)
        return nn.GroupNorm(groups, shape[0])
    raise ValueError(f"norm must be one of {', '.join(get_args(Norm))}, got {kind!r}")


def _group_count(channels: int) -> int:
    return max(count for count in range(1, MOST_GROUPS + 1) if channels % count == 0)


def _require_values(kind: Norm, shape: Sequence[int], groups: int) -> None:
    values = math.prod(shape) // groups
    if values < FEWEST_VALUES:
        raise ValueError(
            f"norm={kind} needs at least {FEWEST_VALUES} values to normalize together, got {values}: "
            f"shape {tuple(shape)} in {groups} group{'s' if groups > 1 else ''}"
        )
