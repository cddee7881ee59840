"""How far from zero a mean must lie, in standard errors, for a paired test to find it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import special

from regbench.stats.bootstrap import SEED
from regbench.stats.ranges import require_inside

MOST = 8192  # directions tried; fewer where there are many sign patterns
SUMS = 2**21  # under sign patterns, over all the directions
NUMBERS_AT_ONCE = 2**17  # of them held at a time: a cache's worth
STRATA = 64  # equally likely parts of a distribution, its quantile at the middle of each


def paired_power(noncentrality: float, pairs: int, alpha: float = 0.05) -> float:
    """Give the power of the two-sided paired t test at a noncentrality of mean / sd * sqrt(pairs).

    With Z standard normal and C chi-squared with pairs - 1 = df degrees of freedom, |noncentral t| exceeds
    the critical value t where C < df ((Z + noncentrality) / t)^2: the chi-squared distribution function of
    that, averaged over Z. (SciPy's noncentral t is NaN in its far tails, so for 6 pairs at a noncentrality
    of 10.) 0 for fewer than two pairs.

    Raises:
        ValueError: a noncentrality that is not finite, or an alpha outside (0, 1).
    """
    if not math.isfinite(noncentrality):
        raise ValueError(f"noncentrality must be finite, got {noncentrality}")
    require_inside("alpha", alpha)
    if pairs < 2:
        return 0.0
    df = pairs - 1
    normal = np.linspace(-9, 9, 1801)  # the trapezoidal rule is nearly exact on a bell
    density = np.exp(-(normal**2) / 2)
    found = special.chdtr(df, df * ((normal + noncentrality) / _critical(df, alpha)) ** 2)
    return float((density * found).sum() / density.sum())


@cache
def t_noncentrality(power: float, pairs: int, alpha: float) -> float:
    """Give the noncentrality at which the two-sided paired t test of two pairs or more has a power."""
    df, half = pairs - 1, (1 - power) / 2
    # There the mean falls short, or the spread exceeds, with probability half each.
    high = _critical(df, alpha) * math.sqrt(special.chdtri(df, half) / df) - float(special.ndtri(half))
    return _least(lambda middle: paired_power(middle, pairs, alpha), power, high)


@cache
def flip_noncentrality(power: float, pairs: int, rare: int) -> float:
    """Give the noncentrality at which the exact two-sided sign-flip test has a power.

    Normal differences are a mean, a spread and a direction, all independent: the direction is that of the
    residuals, the differences less their mean. Given the direction the test is a t test with a critical
    value of its own (see `_critical_means`). So its power is that of t tests averaged over directions, of
    which some thousands are drawn; mean and spread are averaged over without drawing. The directions are
    the same at every noncentrality and have a fixed seed: the power is met to some 0.3 %.

    Args:
        power: in (0, 1).
        pairs: two or more.
        rare: of the 2^(pairs - 1) values that p may take, how many lie at or below the level.
    """
    count = min(MOST, max(STRATA, SUMS // 2 ** (pairs - 1)))
    half = np.random.default_rng(SEED).standard_normal((count // 2, pairs))
    normal = np.concatenate([half, -half])  # opposite directions err in opposite ways
    residuals = normal - normal.mean(axis=1, keepdims=True)
    directions = residuals / residuals.std(axis=1, ddof=1, keepdims=True)
    middles = (np.arange(STRATA) + 0.5) / STRATA
    critical = math.sqrt(pairs) * np.quantile(_critical_means(directions, rare), middles)
    spreads = np.sqrt(special.chdtri(pairs - 1, middles) / (pairs - 1))
    needed = np.outer(critical, spreads)

    def found(middle: float) -> float:
        return float(np.mean(special.ndtr(middle - needed) + special.ndtr(-middle - needed)))

    return _least(found, power, needed.max() + abs(float(special.ndtri(power))))


def _critical_means(directions: np.ndarray, rare: int) -> np.ndarray:
    """Give the mean that must be added to residuals (draws, pairs) for the sign-flip test to reject.

    Flipping the signs of a set of differences of positive sum leaves a |sum| as large where those in the set
    sum to 0 or less, or those outside it do. So p 2^(pairs - 1) is the number of sets with a sum of 0 or
    less: the empty one, and those whose residuals have a mean of -m or less, m being what was added. This
    number is at most `rare` where m exceeds the rare-th largest of minus these means. Of a set and the rest,
    whose residuals sum to the opposite, only the one below zero can matter.
    """
    draws, pairs = directions.shape
    sets = 2 ** (pairs - 1)  # the first difference is in none of them, but in the rest
    sizes = np.bitwise_count(np.arange(sets)).astype(np.float32)
    means = []
    for part in np.array_split(directions.astype(np.float32), max(1, draws * sets // NUMBERS_AT_ONCE)):
        sums, filled = np.zeros((len(part), sets), dtype=np.float32), 1
        for column in part.T[1:]:
            np.add(sums[:, :filled], column[:, None], out=sums[:, filled : 2 * filled])
            filled *= 2
        below = np.maximum(sums / -np.maximum(sizes, 1), sums / (pairs - sizes))
        below.partition(sets - rare, axis=1)
        means.append(below[:, sets - rare])
    return np.concatenate(means)


def fewest_pairs(resolvable: Callable[[int], float], effect: float, least: int, most: int) -> int | None:
    """Give the least number of pairs with which an effect is resolved; None beyond `most`.

    Args:
        resolvable: the smallest effect that so many pairs resolve, which falls with their number.
        effect: in the same unit, of either sign.
        least: from where to look.
        most: up to where.
    """
    if resolvable(most) > abs(effect):
        return None
    while least < most:
        middle = (least + most) // 2
        if resolvable(middle) <= abs(effect):
            most = middle
        else:
            least = middle + 1
    return most


def _least(power_at: Callable[[float], float], power: float, high: float) -> float:
    """Find by bisection where the power is reached, which it is at high; 0 where it never falls below."""
    low = 0.0
    for _ in range(30):
        middle = (low + high) / 2
        if power_at(middle) < power:
            low = middle
        else:
            high = middle
    return high


def _critical(df: int, alpha: float) -> float:
    return -float(special.stdtrit(df, alpha / 2))
