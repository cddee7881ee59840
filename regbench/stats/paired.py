"""Statistics of paired differences: tests, intervals, and what a design can find at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from regbench.stats.bootstrap import SEED, bca, resampled_means
from regbench.stats.power import flip_noncentrality, t_noncentrality
from regbench.stats.ranges import require_design, require_inside, require_least

MOST_EXACT = 20  # as many differences have all their sign patterns tried
FLIPS = 100_000  # random sign patterns beyond that
FEWEST_BCA = 20  # below as many values an interval of the mean is Student's
ALIKE = 50  # as many values of p at or below the level give the sign-flip test nearly the t test's power
TIE = 1e-9  # relative; accuracies are multiples of 1 / rows, and sums of them tie but for rounding
NUMBERS_AT_ONCE = 2**20  # numbers held at a time while flipping


class Interval(NamedTuple):
    """A confidence interval of a mean, in the unit of the values; method is "t" or "bca"."""

    low: float
    high: float
    method: str


def sign_flip_p(differences: Sequence[float] | np.ndarray) -> float:
    """Test two-sidedly whether differences are symmetric about zero, by flipping their signs.

    p is the share of the 2^n sign patterns whose |sum| is at least that observed, ties included: exact up
    to 20 differences, and from 100,000 random patterns beyond, as (1 + count) / (1 + 100,000), so that it
    is never zero (Phipson and Smyth). Fixed seed; the order of the differences changes nothing. The level
    is kept wherever each difference is as likely as its negative: two runs of one law, or of any two laws
    symmetric about the same mean. It is not where two laws agree in nothing but the mean.

    Paper: Fisher, 1935, The Design of Experiments, section 21; Phipson and Smyth, 2010,
        https://doi.org/10.2202/1544-6115.1585

    Raises:
        ValueError: no differences, or some that are not finite.
    """
    values = _numbers("differences", differences)
    if not values.size:
        raise ValueError("differences must hold at least one number, got none")
    magnitudes = np.sort(np.abs(values))
    least = abs(values.sum()) - TIE * magnitudes.sum()
    if len(values) <= MOST_EXACT:
        return float(np.mean(np.abs(_all_sums(magnitudes)) >= least))
    count = sum(int(np.count_nonzero(np.abs(sums) >= least)) for sums in _random_sums(magnitudes))
    return (1 + count) / (1 + FLIPS)


def _all_sums(magnitudes: np.ndarray) -> np.ndarray:
    """Sums under all sign patterns that keep the first sign; the other half are their negatives."""
    sums = np.empty(2 ** (len(magnitudes) - 1))
    sums[0], filled = magnitudes[0], 1
    for magnitude in magnitudes[1:]:
        np.subtract(sums[:filled], magnitude, out=sums[filled : 2 * filled])
        sums[:filled] += magnitude
        filled *= 2
    return sums


def _random_sums(magnitudes: np.ndarray) -> Iterator[np.ndarray]:
    """Sums under random sign patterns, some patterns at a time."""
    generator = np.random.default_rng(SEED)
    for count in _chunks(FLIPS, len(magnitudes)):
        kept = generator.integers(0, 2, (count, len(magnitudes)), dtype=np.int8)
        yield 2 * (kept @ magnitudes) - magnitudes.sum()


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method, in the order given.

    The k-th smallest of m (k from 0) becomes min(1, (m - k) p), and no less than those before it. Rejecting
    where this is at most alpha keeps the chance of any false rejection at alpha, however the tests depend.

    Paper: Holm, 1979, https://www.jstor.org/stable/4615733

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    wrong = [p for p in p_values if not 0 <= p <= 1]
    if wrong:
        raise ValueError(f"p_values must lie in [0, 1], got {wrong[0]}")
    adjusted, so_far = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        so_far = max(so_far, min(1.0, (len(p_values) - rank) * float(p_values[index])))
        adjusted[index] = so_far
    return adjusted


def mean_interval(differences: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval | None:
    """Give a confidence interval of the mean: Student's t below 20 values, the BCa bootstrap from there on.

    BCa covers too little with few values, Student's t with lopsided ones. None for fewer than two values; a
    point where all are equal but for rounding. It is not adjusted for the number of intervals looked at.

    Paper: Student, 1908, https://doi.org/10.1093/biomet/6.1.1; Efron, 1987,
        https://doi.org/10.1080/01621459.1987.10478410

    Raises:
        ValueError: a value that is not finite, or a level outside (0, 1).
    """
    values = np.sort(_numbers("differences", differences))  # sorted: their order changes nothing
    require_inside("level", level)
    if len(values) < 2:
        return None
    method = "t" if len(values) < FEWEST_BCA else "bca"
    if values[-1] - values[0] <= TIE * np.abs(values).max():
        point = float(values[len(values) // 2])
        return Interval(point, point, method)
    tie = TIE * (values[-1] - values[0])
    low, high = _student(values, level) if method == "t" else bca(values, level, tie)
    return Interval(low, high, method)


def _student(values: np.ndarray, level: float) -> tuple[float, float]:
    error = values.std(ddof=1) / math.sqrt(len(values))
    half = special.stdtrit(len(values) - 1, (1 + level) / 2) * error
    return float(values.mean() - half), float(values.mean() + half)


def smallest_p(techniques: int, pairs: int) -> float:
    """Give the smallest Holm-adjusted sign-flip p that so many techniques and pairs can reach.

    techniques * 2^(1 - pairs) where all patterns are tried, techniques / 100,001 beyond; at most 1.
    """
    require_least("techniques", techniques, 1)
    require_least("pairs", pairs, 0)
    single = 2.0 ** (1 - pairs) if pairs <= MOST_EXACT else 1 / (1 + FLIPS)
    return min(1.0, techniques * single)


def seeds_needed(techniques: int, alpha: float = 0.05) -> int:
    """Give the least number of pairs at which the smallest adjusted p is at most alpha.

    Raises:
        ValueError: no number of pairs would do (more than 26,214 techniques at alpha 0.05).
    """
    require_inside("alpha", alpha)
    for pairs in range(1, MOST_EXACT + 1):
        if smallest_p(techniques, pairs) <= alpha:
            return pairs
    raise ValueError(f"techniques must number at most {int(alpha * 2 ** (MOST_EXACT - 1))}, got {techniques}")


def resolvable(sd: float, pairs: int, techniques: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Give the mean paired difference that this design finds with the given power, in the unit of sd.

    For normal differences and the sign-flip test at alpha / techniques (Holm's first step): the
    noncentrality at which it has this power, times sd / sqrt(pairs). Simulated, to 0.3 % in power, where
    fewer than 50 of the values that p can take lie at or below that level: up to 10, 13 and 14 pairs for 1,
    5 and 10 techniques. Beyond that it is the t test's, which promises a little too much: of 80 % the
    sign-flip test has 79 % there, and 78 % with 50 techniques. (The t test's answer would have 78 %
    from 9, 12 and 14 pairs on for 1, 5 and 10 techniques, but 62 to 63 % at the 6, 8 and 9 that are needed.)

    Args:
        sd: the standard deviation of the differences, at least 0.
        pairs: how many differences.
        techniques: how many are tested together.
        power: in (0, 1).
        alpha: in (0, 1).

    Returns:
        Infinity where nothing can be found, as `smallest_p` exceeds alpha; else 0 for an sd of 0.

    Raises:
        ValueError: an argument outside its range.
    """
    require_design(sd, pairs, power, alpha)
    if smallest_p(techniques, pairs) > alpha:
        return math.inf
    rare = int(alpha / techniques * 2 ** (min(pairs, MOST_EXACT) - 1))
    if pairs <= MOST_EXACT and rare < ALIKE:
        noncentrality = flip_noncentrality(power, pairs, max(rare, 1))
    else:
        noncentrality = t_noncentrality(power, pairs, alpha / techniques)
    return sd / math.sqrt(pairs) * noncentrality


def sampling_error(accuracy: float, rows: int) -> float:
    """Give the binomial standard error of an accuracy measured on so many rows."""
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy must lie in [0, 1], got {accuracy}")
    require_least("rows", rows, 1)
    return math.sqrt(accuracy * (1 - accuracy) / rows)


def bootstrap_best(
    values: Sequence[float], scores: np.ndarray, smaller_is_better: bool = False, level: float = 0.95
) -> tuple[float, float, float]:
    """Give the value with the best mean score over the seeds, and an interval of it among those tried.

    The seeds are drawn with replacement 10,000 times, the same for all values, as the scores are paired by
    seed; the ends are percentiles of the best values (themselves values that were tried). Of values that tie
    the first is best. Fixed seed; the order of the seeds changes nothing.

    Args:
        values: the strengths tried, in the order in which ties are to be broken.
        scores: (values, seeds), finite.
        smaller_is_better: for losses and gaps.
        level: of the interval.

    Raises:
        ValueError: shapes that do not fit, nothing to choose from, or a score that is not finite.
    """
    tried, table = _numbers("values", values), _numbers("scores", scores, dimensions=2)
    require_inside("level", level)
    if not table.size or len(table) != len(tried):
        raise ValueError(f"scores must have a row for each of {len(tried)} values, got shape {table.shape}")
    table = (-table if smaller_is_better else table).T
    table = table[np.lexsort(table.T)]  # the seeds in an order of their own
    tie = TIE * np.abs(table).max()
    best = _first_best(table.mean(axis=0, keepdims=True), tie)
    chosen = tried[_first_best(resampled_means(table), tie)]
    low, high = np.quantile(chosen, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(tried[best[0]]), float(low), float(high)


def _first_best(means: np.ndarray, tie: float) -> np.ndarray:
    """Index of the first column that is largest but for rounding, for each row."""
    return np.argmax(means >= means.max(axis=1, keepdims=True) - tie, axis=1)


def _chunks(total: int, width: int) -> Iterator[int]:
    """Cut a total into counts of rows that fit into the room."""
    most = max(1, NUMBERS_AT_ONCE // width)
    for start in range(0, total, most):
        yield min(most, total - start)


def _numbers(name: str, values: Sequence[float] | np.ndarray, dimensions: int = 1) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, got {array.ndim}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array
