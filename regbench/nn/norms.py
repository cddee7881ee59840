"""The normalizations that a model can hold at its norm sites."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from torch import nn

from regbench.nn.grouping import FEWEST_VALUES, GroupedChannels

Norm = Literal["none", "batch", "layer", "group"]

MOST_GROUPS = 32  # what Wu and He recommend


def make_norm(kind: Norm, shape: Sequence[int]) -> nn.Module:
    """Make the normalization of a kind for a per-example shape, (N,) or (C, H, W).

    none: the identity. batch: per channel over the batch. layer: over all values of an example, the scale and
    shift per channel. group: per group of channels, as many as `group_count` finds, 32 at most.

    Raises:
        ValueError: there is no such kind, or a layer holds too few values to normalize.
    """
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return nn.BatchNorm1d(shape[0]) if len(shape) == 1 else nn.BatchNorm2d(shape[0])
    if kind in ("layer", "group"):
        _require_values(kind, shape)
    if kind == "layer":
        return nn.LayerNorm(shape[0]) if len(shape) == 1 else nn.GroupNorm(1, shape[0])
    if kind == "group":
        return GroupedChannels(shape[0], math.prod(shape[1:]), MOST_GROUPS)
    raise ValueError(f"norm must be one of {', '.join(get_args(Norm))}, got {kind!r}")


def _require_values(kind: Norm, shape: Sequence[int]) -> None:
    values = math.prod(shape)
    if values < FEWEST_VALUES:
        raise ValueError(
            f"norm={kind} needs at least {FEWEST_VALUES} values to normalize together, got {values}: "
            f"shape {tuple(shape)}"
        )
