"""The middle of many runs in several strata, and how sure it is for other runs of the same strata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from regbench.stats.bootstrap import NUMBERS_AT_ONCE, RESAMPLES, SEED

QUARTER = 0.25  # that is left out at each end
FEWEST = 3  # values of a stratum; of fewer a sample with replacement says too little of the spread


class Middle(NamedTuple):
    """An interquartile mean with its bootstrap interval, in the unit of the values; the ends may be None."""

    mean: float
    low: float | None
    high: float | None


def interquartile_mean(strata: Sequence[Sequence[float]], level: float = 0.95) -> Middle:
    """Give the mean of the middle half of all values, and a stratified percentile bootstrap interval of it.

    All strata weigh alike, whatever the number of their values; the values at the edges of the middle half
    count with the part that lies within. With strata of one size that holds a multiple of four values this
    is the mean of those left when the lowest and the highest quarter are cut. Each of the 10,000 resamples
    draws from every stratum as many values as it has. The interval is of these strata: other values of
    them, not other strata.

    Args:
        strata: the values of each, in any order; at least one stratum, none empty.
        level: of the interval, in (0, 1).

    Returns:
        Without an interval where a stratum has fewer than three values.

    Paper: Agarwal et al., 2021, https://arxiv.org/abs/2108.13264, sections 4.1 and 4.3

    Raises:
        ValueError: no stratum, or one without a value.
    """
    if not strata or not all(len(one) for one in strata):
        raise ValueError("strata must hold a value each, got none")
    sorted_strata = [np.sort(np.asarray(one, dtype=float)) for one in strata]
    weights = np.concatenate([np.full(len(one), 1 / (len(one) * len(strata))) for one in sorted_strata])
    middle = float(_middle(np.concatenate(sorted_strata)[None], weights)[0])
    if min(map(len, sorted_strata)) < FEWEST:
        return Middle(middle, None, None)
    low, high = np.quantile(_resampled(sorted_strata, weights), [(1 - level) / 2, (1 + level) / 2])
    return Middle(middle, float(low), float(high))


def _middle(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of the middle half of each row of (samples, n); weights (n,) sum to 1."""
    order = np.argsort(values, axis=1, kind="stable")
    edges = np.cumsum(weights[order], axis=1).clip(QUARTER, 1 - QUARTER)
    counted = np.diff(edges, axis=1, prepend=QUARTER)
    return np.asarray((np.take_along_axis(values, order, 1) * counted).sum(1) / (1 - 2 * QUARTER))


def _resampled(strata: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The middles of the resamples, some at a time."""
    generator = np.random.default_rng(SEED)
    most = max(1, NUMBERS_AT_ONCE // len(weights))
    found = []
    for start in range(0, RESAMPLES, most):
        count = min(most, RESAMPLES - start)
        drawn = [one[generator.integers(0, len(one), (count, len(one)))] for one in strata]
        found.append(_middle(np.concatenate(drawn, axis=1), weights))
    return np.concatenate(found)
