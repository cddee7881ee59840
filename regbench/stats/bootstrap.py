"""The bootstrap of means: samples drawn with replacement, the same for all values of one number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from scipy import special

RESAMPLES = 10_000
SEED = 20  # of all draws in this room: the same values give the same figures, whatever was asked for before
KEPT = 200  # values; the samples of as many take 16 MB, and those of more are drawn again
NUMBERS_AT_ONCE = 2**17  # numbers held at a time while drawing


def resampled_means(rows: np.ndarray) -> np.ndarray:
    """Give the means over the first axis of 10,000 samples of it with replacement.

    Args:
        rows: (n,) or (n, columns); all columns have the same samples.

    Returns:
        (10,000,) or (10,000, columns).
    """
    columns = np.ascontiguousarray(rows.T)
    # Not counts @ rows, which starts threads: on a machine whose cores are busy it waits for them for long.
    sums = [np.einsum("sn,...n->s...", counts, columns) for counts in _counts(len(rows))]
    return np.concatenate(sums) / len(rows)


def bca(values: np.ndarray, level: float, tie: float) -> tuple[float, float]:
    """Give Efron's bias-corrected and accelerated interval of the mean of values that are not all equal.

    bias z0 = Phi^-1(share of the resampled means below the mean, ties counted half); acceleration
    a = sum(c^3) / (6 sum(c^2)^1.5), c the centred values: the jackknife's, as leaving one value out shifts
    the mean by c / (n - 1). The end of level q is the resamples' Phi(z0 + (z0 + z_q) / (1 - a (z0 + z_q)))
    quantile.

    Args:
        values: (n,), at least two.
        level: of the interval, in (0, 1).
        tie: how far apart means may lie that differ in rounding only, in the unit of the values.

    Paper: Efron, 1987, https://doi.org/10.1080/01621459.1987.10478410
    """
    centre, means = values.mean(), resampled_means(values)
    below = (np.mean(means < centre - tie) + np.mean(means <= centre + tie)) / 2
    centred = (values - centre) / np.ptp(values)
    acceleration = (centred**3).sum() / (6 * (centred**2).sum() ** 1.5)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    shifted = special.ndtri(below) + special.ndtri(tails)
    shares = special.ndtr(special.ndtri(below) + shifted / (1 - acceleration * shifted))
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def _counts(size: int) -> Iterable[np.ndarray]:
    """The samples of so many values as (samples, size): how often each value is drawn."""
    return [_kept(size)] if size <= KEPT else _drawn(size)


@lru_cache(maxsize=4)
def _kept(size: int) -> np.ndarray:
    counts, filled = np.empty((RESAMPLES, size)), 0  # floats, as the values are
    for part in _drawn(size):
        counts[filled : filled + len(part)] = part
        filled += len(part)
    return counts


def _drawn(size: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(SEED)
    most = max(1, NUMBERS_AT_ONCE // size)
    for start in range(0, RESAMPLES, most):
        count = min(most, RESAMPLES - start)
        drawn = generator.integers(0, size, (count, size))
        drawn += size * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size)
