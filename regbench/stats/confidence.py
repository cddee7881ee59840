"""The interval beside the sequential test: it holds the mean at all looks at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from regbench.stats.paired import Interval
from regbench.stats.ranges import require_inside
from regbench.stats.sequential import NUMBERS_AT_ONCE, held, wealth

SHIFTS = 65  # tried across the differences for the ends of an interval, and as many about their mean
NEAR = 8  # standard errors about it
DOUBLINGS = 24  # of how far out an end is looked for, at a time
PARTS, ROUNDS = 17, 7  # an end is searched for in 16ths of 16ths: to 4e-9 of the first part
ALIKE = 1e-9  # relative; apart by rounding
METHOD = "sequence"

Shifted = Callable[[np.ndarray, np.ndarray], np.ndarray]


def confidence_sequence(differences: Sequence[float] | np.ndarray, alpha: float = 0.05) -> Interval | None:
    """Give an interval that holds the mean after all numbers of differences at once, with level 1 - alpha.

    It spans the shifts m at which the wealth of the differences less m has stayed below 1 / alpha; they are
    supposed symmetric about their mean. None where they are so few that no shift, however far, is excluded.
    Where every shift is excluded, which happens with probability alpha at most, it is the point that is
    excluded least.

    Raises:
        ValueError: a value that is not finite, or an alpha outside (0, 1).
    """
    return confidence_sequences([differences], alpha)[0]


def confidence_sequences(
    several: Sequence[Sequence[float] | np.ndarray], alpha: float = 0.05
) -> list[Interval | None]:
    """Give the `confidence_sequence` of each of several lists of differences; those alike in length at once.

    Raises:
        ValueError: a value that is not finite, or an alpha outside (0, 1).
    """
    require_inside("alpha", alpha)
    found: list[Interval | None] = [None] * len(several)
    by_pairs: dict[int, list[int]] = {}
    for place, differences in enumerate(several):
        by_pairs.setdefault(len(differences), []).append(place)
    for places in by_pairs.values():
        rows = np.array([several[place] for place in places], dtype=float)
        for place, interval in zip(places, _intervals(rows, alpha), strict=True):
            found[place] = interval
    return found


def _intervals(rows: np.ndarray, alpha: float) -> list[Interval | None]:
    """The same of the rows of (lists, n)."""
    found: list[Interval | None] = [None] * len(rows)
    if not rows.size or wealth(np.ones(rows.shape[1])).max() < 1 / alpha:
        return found
    apart: list[int] = []
    for place, (low, high) in enumerate(zip(rows.min(axis=1), rows.max(axis=1), strict=True)):
        if high - low <= ALIKE * max(abs(low), abs(high)):
            middle = float(np.median(rows[place]))
            found[place] = Interval(middle, middle, METHOD)
        else:
            apart.append(place)
    if not apart:
        return found

    def excluded(of: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        return _most(rows, of, shifts) * alpha

    tried = [_shifts(rows[place]) for place in apart]
    sizes = [len(one) for one in tried]
    every = excluded(np.repeat(apart, sizes), np.concatenate([*tried, []]))
    ends = []  # of each list that has them: what is excluded beside it, what is held
    for place, shifts, out in zip(apart, tried, np.split(every, np.cumsum(sizes)[:-1]), strict=True):
        inside = np.flatnonzero(out < 1)
        if not inside.size:
            least = float(shifts[out.argmin()])
            found[place] = Interval(least, least, METHOD)
        elif inside[0] > 0 and inside[-1] < len(shifts) - 1:  # else an end lies millions of times as far out
            first, last = inside[0], inside[-1]
            ends += [(place, shifts[first - 1], shifts[first]), (place, shifts[last + 1], shifts[last])]
    edges = _edges(excluded, ends)
    for (place, *_), low, high in zip(ends[::2], edges[::2], edges[1::2], strict=True):
        found[place] = Interval(low, high, METHOD)
    return found


def _shifts(values: np.ndarray) -> np.ndarray:
    """What is tried first for the ends of an interval, in order."""
    low, high = float(values.min()), float(values.max())
    far = (high - low) * 2.0 ** np.arange(-1, DOUBLINGS)
    error = values.std() / math.sqrt(len(values))
    near = values.mean() + error * np.linspace(-NEAR, NEAR, SHIFTS)
    return np.unique(np.concatenate([low - far, np.linspace(low, high, SHIFTS), near, high + far]))


def _most(rows: np.ndarray, of: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """The most that `wealth` has been, of the rows with these numbers, each less a shift."""
    at_once = max(1, NUMBERS_AT_ONCE // rows.shape[1])
    parts = (slice(start, start + at_once) for start in range(0, len(of), at_once))
    return np.concatenate(
        [[], *(held((rows[of[part]] - shifts[part, None]).T).max(axis=0) for part in parts)]
    )


def _edges(excluded: Shifted, ends: Sequence[tuple[int, float, float]]) -> list[float]:
    """Where what is excluded ends: the excluded side of the last part, so that nothing held is lost."""
    if not ends:
        return []
    of = np.repeat([place for place, *_ in ends], PARTS - 1)
    outside, inside = (np.array([one[side] for one in ends]) for side in (1, 2))
    lines = np.arange(len(ends))
    for _ in range(ROUNDS):
        parts = np.linspace(outside, inside, PARTS, axis=-1)
        out = excluded(of, parts[:, 1:].ravel()).reshape(len(ends), -1)
        reached = 1 + np.argmax(out < 1, axis=1)
        outside, inside = parts[lines, reached - 1], parts[lines, reached]
    return [float(one) for one in outside]
