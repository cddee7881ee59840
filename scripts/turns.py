"""Two loops in turn within one process, and how fast one is beside the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

BLOCK_S = 0.1  # about so long a block of steps of one loop lasts
LARGEST_BLOCK = 100  # steps
WARM = 10  # steps of each loop before the first that counts


class Spent(NamedTuple):
    """What some steps took, in seconds: CPU time of the process, which other processes hardly change, and wall time."""

    cpu: float
    wall: float


class Share(NamedTuple):
    """The speed of one loop as a share of another's: the median over the rounds, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Share:
        return cls(statistics.median(ratios), min(ratios), max(ratios))


class Shares(NamedTuple):
    """The same by either clock."""

    cpu: Share
    wall: Share


def steps_of(loop: Iterator[object], steps: int) -> Spent:
    """What so many steps take."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        next(loop)
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


def in_turn(ours: Iterator[object], other: Iterator[object], blocks: int, rounds: int) -> Shares:
    """How fast `ours` is beside `other`; in each round both take short blocks of steps in turn."""
    loops = ours, other
    warm = [steps_of(loop, WARM) for loop in loops]
    block = max(1, min(LARGEST_BLOCK, round(WARM * BLOCK_S / max(spent.wall for spent in warm))))
    rows = []
    for _ in range(rounds):
        spent: tuple[list[Spent], list[Spent]] = [], []
        for turn in range(blocks):
            for which in (0, 1) if turn % 2 else (1, 0):
                spent[which].append(steps_of(loops[which], block))
        mine, theirs = map(_sums, spent)
        rows.append((theirs.cpu / mine.cpu, theirs.wall / mine.wall))
    return Shares(*(Share.of(column) for column in zip(*rows, strict=True)))


def _sums(all_spent: Iterable[Spent]) -> Spent:
    return Spent(*map(sum, zip(*all_spent, strict=True)))
