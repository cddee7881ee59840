"""Schedules of a member's strength: its value by progress, 0 in a run's first step and 1 in its last."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Strength = Callable[[float], float]

LOOKS = 1000  # at how many equal parts of a run a schedule is looked at before it begins


@dataclass(frozen=True)
class Ramp:
    """Go from `start` to `end` in a straight line over the first share of the run, and stay there.

    Attributes:
        start: the value in the first step.
        end: the value from the share `over` on.
        over: in (0, 1].
    """

    start: float
    end: float
    over: float

    def __post_init__(self) -> None:
        _require_share(self.over)

    def __call__(self, progress: float) -> float:
        return _between(self.start, self.end, progress / self.over)


@dataclass(frozen=True)
class Cosine:
    """Go from `start` to `end` along half a cosine over the first share of the run, and stay there.

    Attributes:
        start: the value in the first step.
        end: the value from the share `over` on.
        over: in (0, 1].
    """

    start: float
    end: float
    over: float

    def __post_init__(self) -> None:
        _require_share(self.over)

    def __call__(self, progress: float) -> float:
        return _between(self.start, self.end, (1 - math.cos(math.pi * min(1.0, progress / self.over))) / 2)


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


def _between(start: float, end: float, share: float) -> float:
    """At a share of the way; both ends to the bit."""
    return end if share >= 1 else start + (end - start) * share


def _require_share(over: float) -> None:
    if not 0 < over <= 1:
        raise ValueError(f"over must lie in (0, 1], got {over}")
