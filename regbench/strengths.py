"""Schedules of a member's strength by progress, 0 in a run's first step and 1 in its last.

And the modules whose numbers follow one, where evaluation reads them too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

Strength = Callable[[float], float]

KEPT = "scheduled_"  # before a number's name, the name of the buffer that keeps it
LOOKS = 1000  # at how many equal parts of a run a schedule is looked at before it begins


@dataclass(frozen=True)
class Ramp:
    """Go from `start` to `end` in a straight line over the first share of the run, and stay there.

    Attributes:
        start: the value in the first step.
        end: the value from the share `over` on, to the bit.
        over: in (0, 1].
    """

    start: float
    end: float
    over: float

    def __post_init__(self) -> None:
        if not 0 < self.over <= 1:
            raise ValueError(f"over must lie in (0, 1], got {self.over}")

    def __call__(self, progress: float) -> float:
        share = self._share(progress / self.over)
        return self.end if share >= 1 else self.start + (self.end - self.start) * share

    def _share(self, done: float) -> float:
        """Of the way that is left behind, after a share of its time, which may be above 1."""
        return done


@dataclass(frozen=True)
class Cosine(Ramp):
    """Go from `start` to `end` along half a cosine over the first share of the run, and stay there."""

    def _share(self, done: float) -> float:
        return (1 - math.cos(math.pi * min(1.0, done))) / 2


@dataclass(frozen=True)
class Steps:
    """Take one value after the other.

    Attributes:
        values: the first from the first step on.
        at: the shares of the run from which each of the others is taken, rising within (0, 1].
    """

    values: list[float]
    at: list[float]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.at) + 1:
            raise ValueError(
                f"values must be one more than at, got {len(self.values)} values and {len(self.at)} in at"
            )
        if not all(a < b for a, b in pairwise([0.0, *self.at])) or (self.at and self.at[-1] > 1):
            raise ValueError(f"at must rise within (0, 1], got {self.at}")

    def __call__(self, progress: float) -> float:
        return self.values[sum(progress >= share for share in self.at)]


def ends(strength: Strength) -> tuple[float, float]:
    """The smallest and the largest value of a schedule, looked at in equal parts of the run."""
    values: Sequence[float] = [strength(part / LOOKS) for part in range(LOOKS + 1)]
    return min(values), max(values)


def rise(progress: float, over: float) -> float:
    """How a weight on a model's own predictions rises to 1, while they are not worth much yet.

    exp(-5 * (1 - progress / over)^2) up to the share `over` of the run, in [0, 1], and 1 from there on;
    where that is 0 it is always 1.

    Source: Laine and Aila, 2017, https://arxiv.org/abs/1610.02242, section 3 (training parameters)
    """
    missing = max(0.0, 1 - progress / over) if over else 0.0
    return math.exp(-5 * missing**2)


class Scheduled(nn.Module):
    """A module whose numbers a schedule may change while it trains, and which evaluation reads too.

    In training such a number is an attribute. One that `keep` was called for is in a buffer as well, which
    has whatever the attribute is set to, and evaluation reads that: a number that was evaluated with is saved
    with the weights and loaded with them, and where weights are averaged it is averaged with them.
    """

    def keep(self, name: str) -> None:
        """Let a number stand in a buffer from now on: a scalar in double precision."""
        value = torch.tensor(float(getattr(self, name)), dtype=torch.float64)
        self.register_buffer(f"{KEPT}{name}", value)

    def now(self, name: str) -> Any:
        """The number to compute with: a float, in evaluation the kept one where it is kept, a tensor ()."""
        kept = None if self.training else self._buffers.get(f"{KEPT}{name}")
        return getattr(self, name) if kept is None else kept

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        kept = self.__dict__.get("_buffers", {}).get(f"{KEPT}{name}")
        if kept is not None:
            kept.fill_(value)


def times(tensor: Tensor, factor: float | Tensor) -> Tensor:
    """A tensor, of one axis or more, times a number; one of `Scheduled.now` acts to the bit as a float."""
    if not isinstance(factor, Tensor):
        return tensor * factor
    # torch multiplies bfloat16 by a float in single precision, and by a scalar of a device in its own
    wide = factor.to(torch.promote_types(tensor.dtype, torch.float32)).view(1)
    return (tensor * wide).to(tensor.dtype)
