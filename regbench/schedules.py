"""Learning-rate schedules: a factor of the learning rate as a pure function of progress."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass
class Constant:
    """Keep the learning rate as it is."""

    def __call__(self, progress: float) -> float:
        return 1.0


@dataclass
class Cosine:
    """Rise linearly during the warm-up, then fall to 0 along half a cosine.

    Paper: Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983, eq. 5
    """

    warmup: float

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup must lie in [0, 1), got {self.warmup}")

    def __call__(self, progress: float) -> float:
        if progress < self.warmup:
            return progress / self.warmup
        return (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup))) / 2


@dataclass
class Cyclic:
    """Fall to 0 along half a cosine, then begin again: that many times, each for an equal part of the run.

    Paper: Huang et al., 2017, https://arxiv.org/abs/1704.00109, eq. 2
    """

    cycles: int

    def __post_init__(self) -> None:
        if self.cycles < 1:
            raise ValueError(f"cycles must be at least 1, got {self.cycles}")

    def __call__(self, progress: float) -> float:
        return (1 + math.cos(math.pi * (progress * self.cycles % 1))) / 2


@dataclass
class Step:
    """Multiply the learning rate by gamma as each milestone, a share of the run, is reached.

    Paper: He et al., 2016, https://arxiv.org/abs/1512.03385, section 4.2
    """

    milestones: list[float]
    gamma: float

    def __post_init__(self) -> None:
        if any(not 0 <= m <= 1 for m in self.milestones) or not _rising(self.milestones):
            raise ValueError(f"milestones must rise within [0, 1], got {self.milestones}")
        if not 0 < self.gamma <= 1:
            raise ValueError(f"gamma must lie in (0, 1], got {self.gamma}")

    def __call__(self, progress: float) -> float:
        return self.gamma ** sum(progress >= milestone for milestone in self.milestones)


def _rising(values: Sequence[float]) -> bool:
    return all(a < b for a, b in pairwise(values))
