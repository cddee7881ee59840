"""Differences over random splits of one data set, whose rows overlap: the corrected resampled t test.

Two arms are trained and judged on n splits of one finite set of rows. What is asked is whether they are as
good in the mean over data sets of this size, and not whether they are so on the rows that there are: splits
of the same rows agree with one another more than data sets would, so the mean of the differences is less sure
than their spread says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from regbench.stats.paired import TIE, Interval, resolvable, seeds_needed, sign_flip_p
from regbench.stats.power import fewest_pairs, t_noncentrality
from regbench.stats.sequential import MOST_PAIRS

METHOD = "corrected t"  # of an interval


def corrected_variance(differences: Sequence[float] | np.ndarray, share: float) -> float:
    """Give the variance of the mean of n differences: (1 / n + share) times their own, by n - 1.

    Args:
        differences: one for each split; at least two.
        share: the rows that judge over those that train is cut from, in each split, above 0.

    Paper: Nadeau and Bengio, 2003, https://doi.org/10.1023/A:1024068626366, section 3.2

    Raises:
        ValueError: fewer than two differences, or a share that is not above 0.
    """
    values = np.sort(np.asarray(differences, dtype=float))  # sorted: their order changes nothing
    if len(values) < 2:
        raise ValueError(f"differences must number at least 2, got {len(values)}")
    if not 0 < share < math.inf:
        raise ValueError(f"share must lie above 0 and be finite, got {share}")
    if _alike(values):
        return 0.0
    return float(values.var(ddof=1)) * (1 / len(values) + share)


def resampled_p(differences: Sequence[float] | np.ndarray, share: float) -> float:
    """Test two-sidedly whether the mean over data sets of this size is 0.

    The larger of two p: that of Student's t with n - 1 degrees of freedom and the corrected variance, and
    that of the sign-flip test. The second keeps the level of two runs of one law exactly, however the splits
    overlap, as within each pair the two might be exchanged; and it keeps few differences that happen to be
    equal, as shares of few rows often are, from proving anything. The first is an approximation for learners
    of equal mean that differ on each data set.

    Raises:
        ValueError: no differences, some that are not finite, or a share that is not above 0.
    """
    flipped = sign_flip_p(differences)
    values = np.sort(np.asarray(differences, dtype=float))
    if len(values) < 2:
        return flipped
    error = math.sqrt(corrected_variance(values, share))
    if error == 0:
        return flipped
    return max(flipped, 2 * float(special.stdtr(len(values) - 1, -abs(values.mean()) / error)))


def resampled_interval(
    differences: Sequence[float] | np.ndarray, share: float, alpha: float = 0.05
) -> Interval | None:
    """Give Student's interval of the mean over data sets, with the corrected variance, at an error rate.

    None for fewer than two differences; a point where all are equal but for rounding.

    Raises:
        ValueError: a share that is not above 0.
    """
    values = np.sort(np.asarray(differences, dtype=float))
    if len(values) < 2:
        return None
    half = -special.stdtrit(len(values) - 1, alpha / 2) * math.sqrt(corrected_variance(values, share))
    return Interval(float(values.mean() - half), float(values.mean() + half), METHOD)


def resolvable_resampled(sd: float, pairs: int, techniques: int, power: float, share: float) -> float:
    """Give the mean difference over data sets that so many splits find with a power, in the unit of sd.

    The noncentrality at which the t test at 0.05 / techniques (Holm's first step) has this power, times the
    corrected standard error; no less than what the sign-flip test needs. It stays above 0 however many splits
    of one data set there are.

    Returns:
        Infinity where nothing can be found, as `stats.paired.smallest_p` exceeds 0.05.
    """
    flipped = resolvable(sd, pairs, techniques, power)
    if not math.isfinite(flipped):
        return math.inf
    corrected = t_noncentrality(power, pairs, 0.05 / techniques) * sd * math.sqrt(1 / pairs + share)
    return max(flipped, corrected)


def pairs_resampled(effect: float, power: float, techniques: int, share: float) -> int | None:
    """Give the least number of splits that find an effect, in standard deviations of the differences.

    Returns:
        None beyond `MOST_PAIRS`; so where no number of splits of one data set would do.
    """

    def found(pairs: int) -> float:
        return resolvable_resampled(1.0, pairs, techniques, power, share)

    return fewest_pairs(found, effect, seeds_needed(techniques), MOST_PAIRS)


def _alike(values: np.ndarray) -> bool:
    """Whether sorted values are equal but for rounding."""
    return bool(values[-1] - values[0] <= TIE * np.abs(values).max())
