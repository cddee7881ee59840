"""A test of paired differences that may be looked at after every one of them, and the interval beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from regbench.stats.bootstrap import SEED
from regbench.stats.paired import Interval
from regbench.stats.ranges import require_design, require_inside

# How boldly gamblers bet: so much, less with the number of pairs to some power. Those that fade find small
# effects, given enough pairs, and narrow the interval down to nothing; six equal differences make all of them
# together 21.8 times richer; and at true means from 0.8 to 1.5 standard deviations they find as much as seven
# who bet 0.25 to 3 throughout, or more, within 10, 20 and 40 pairs.
GAMBLERS = ((0.8, 0.0), (1.3, 0.0), (5.0, 0.0), (1.7, 0.4), (3.5, 0.4))
DRAWS = 4000  # courses of a study, simulated, that power is read from: to 0.8 points
MOST_PAIRS = 320  # that a course is followed for
SHIFTS = 65  # tried across the differences for the ends of an interval, and as many about their mean
NEAR = 8  # standard errors about it
DOUBLINGS = 24  # of how far out an end is looked for, at a time
PARTS, ROUNDS = 17, 7  # an end is searched for in 16ths of 16ths: to 4e-9 of the first part
ALIKE = 1e-9  # relative; apart by rounding
METHOD = "sequence"

Shifted = Callable[[np.ndarray], np.ndarray]


def wealth(differences: Sequence[float] | np.ndarray) -> np.ndarray:
    """Give what gamblers of one unit hold after each difference, if its sign was a fair coin.

    With z_i = |d_i| / sqrt(mean of d_1^2 to d_i^2) a gambler of boldness g_i who believes in s = +1 or -1
    holds the product over i of 1 + s sign(d_i) tanh(g_i z_i), and E_n is the mean over both beliefs and all
    `GAMBLERS`, for whom g_i = b / i^a. The magnitude may be used and so may the past, the coin being fair
    given both; so E is a martingale from 1, and ever reaches 1 / alpha with probability at most alpha,
    whenever one looks and for whatever reason one stops. tanh(g z) is the bet of the likelihood ratio of
    normal differences. A difference of 0 bets nothing.

    Paper: Ville, 1939, Etude critique de la notion de collectif; de la Pena, 1999,
        https://doi.org/10.1214/aop/1022677380; Ramdas et al., 2023, https://doi.org/10.1214/23-STS894

    Args:
        differences: (..., n), in the order in which they came.

    Returns:
        (..., n): E_1 to E_n.

    Raises:
        ValueError: a value that is not finite.
    """
    values = np.asarray(differences, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"differences must be finite, got {values[~np.isfinite(values)].flat[0]}")
    largest = np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
    values = values / np.where(largest > 0, largest, 1)  # z has no unit, and squares shall not overflow
    root = np.sqrt(np.cumsum(values**2, axis=-1) / np.arange(1, values.shape[-1] + 1))
    signed = np.divide(values, root, out=np.zeros_like(values), where=root > 0)
    held = np.zeros_like(values)
    with np.errstate(over="ignore", invalid="ignore"):  # of a thousand pairs and more
        for boldness in _boldness(values.shape[-1]):
            bets = np.tanh(boldness * signed)
            for gains in (1 + bets, 1 - bets):
                held += np.fmax(np.cumprod(gains, axis=-1), 0)  # who had no end and lost it all has nothing
    return held / (2 * len(GAMBLERS))


def _boldness(pairs: int) -> np.ndarray:
    """Of each gambler at each pair, as (gamblers, pairs)."""
    numbers = np.arange(1, pairs + 1)
    return np.array([boldness * numbers**-fading for boldness, fading in GAMBLERS])


def anytime_p(differences: Sequence[float] | np.ndarray) -> float:
    """Give a p-value that holds at all looks at once: 1 over the most that `wealth` has been, at most 1.

    Raises:
        ValueError: no differences, or some that are not finite, or several lists of them.
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1:
        raise ValueError(f"differences must have 1 dimensions, got {values.ndim}")
    if not values.size:
        raise ValueError("differences must hold at least one number, got none")
    return float(min(1.0, 1 / wealth(values).max()))


def smallest_anytime_p(techniques: int, pairs: int) -> float:
    """Give the smallest Holm-adjusted p that so many techniques and pairs can reach, at most 1.

    It is reached where each difference is far larger than those before, all of one sign: then z_i = sqrt(i).
    """
    if pairs < 1:
        return 1.0
    bets = np.tanh(_boldness(pairs) * np.sqrt(np.arange(1, pairs + 1)))
    most = (np.prod(1 + bets, axis=1) + np.prod(1 - bets, axis=1)).mean() / 2
    return float(min(1.0, techniques / most))


def seeds_needed_looking(techniques: int, alpha: float = 0.05) -> int:
    """Give the least number of pairs whose differences, if alike, have an adjusted p of at most alpha."""
    require_inside("alpha", alpha)
    pairs = 1
    while techniques / wealth(np.ones(pairs))[-1] > alpha:
        pairs += 1
    return pairs


def confidence_sequence(differences: Sequence[float] | np.ndarray, alpha: float = 0.05) -> Interval | None:
    """Give an interval that holds the mean after all numbers of differences at once, with level 1 - alpha.

    It spans the shifts m at which the wealth of the differences less m has stayed below 1 / alpha; they are
    supposed symmetric about their mean. None where they are so few that no shift, however far, is excluded.
    Where every shift is excluded, which happens with probability alpha at most, it is the point that is
    excluded least.

    Raises:
        ValueError: a value that is not finite, or an alpha outside (0, 1).
    """
    require_inside("alpha", alpha)
    values = np.asarray(differences, dtype=float)
    if not values.size or wealth(np.ones(values.size)).max() < 1 / alpha:
        return None
    low, high = float(values.min()), float(values.max())
    if high - low <= ALIKE * max(abs(low), abs(high)):
        middle = float(np.median(values))
        return Interval(middle, middle, METHOD)

    def most(shifts: np.ndarray) -> np.ndarray:
        return wealth(values - shifts[:, None]).max(axis=1) * alpha

    far = (high - low) * 2.0 ** np.arange(-1, DOUBLINGS)
    error = values.std() / math.sqrt(len(values))
    near = values.mean() + error * np.linspace(-NEAR, NEAR, SHIFTS)
    tried = np.unique(np.concatenate([low - far, np.linspace(low, high, SHIFTS), near, high + far]))
    excluded = most(tried)
    held = np.flatnonzero(excluded < 1)
    if not held.size:
        least = float(tried[excluded.argmin()])
        return Interval(least, least, METHOD)
    first, last = held[0], held[-1]
    if first == 0 or last == len(tried) - 1:  # an end lies millions of times as far out as the differences
        return None
    return Interval(
        _edge(most, tried[first - 1], tried[first]), _edge(most, tried[last + 1], tried[last]), METHOD
    )


def _edge(most: Shifted, outside: float, inside: float) -> float:
    """Where what is excluded ends: the excluded side of the last part, so that nothing held is lost."""
    for _ in range(ROUNDS):
        parts = np.linspace(outside, inside, PARTS)
        reached = 1 + int(np.argmax(most(parts[1:]) < 1))
        outside, inside = parts[reached - 1], parts[reached]
    return float(outside)


def power_looking(effect: float, pairs: int, techniques: int = 1, alpha: float = 0.05) -> float:
    """Give the probability that a look at one of the first so many pairs resolves an effect.

    For normal differences with a mean of `effect` standard deviations, at Holm's first step; simulated with a
    fixed seed.
    """
    if pairs < 1:
        return 0.0
    reached = first_resolved(effect, techniques, alpha)
    return float(np.mean(reached <= min(pairs, MOST_PAIRS)))


@cache
def first_resolved(effect: float, techniques: int = 1, alpha: float = 0.05) -> np.ndarray:
    """Give, for each simulated course, after how many pairs a look resolves; MOST_PAIRS + 1 for never."""
    courses = np.random.default_rng(SEED).standard_normal((DRAWS, MOST_PAIRS)) + effect
    found = []
    for part in np.array_split(courses, 16):
        over = wealth(part) >= techniques / alpha
        found.append(np.where(over.any(axis=1), over.argmax(axis=1) + 1, MOST_PAIRS + 1))
    return np.concatenate(found)


def pairs_looking(effect: float, power: float, techniques: int = 1, alpha: float = 0.05) -> int | None:
    """Give after how many pairs an effect has been resolved with this probability; None beyond MOST_PAIRS."""
    require_inside("power", power)
    found = int(np.quantile(first_resolved(abs(effect), techniques, alpha), power, method="inverted_cdf"))
    return found if found <= MOST_PAIRS else None


def resolvable_looking(
    sd: float, pairs: int, techniques: int, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the mean paired difference that looks at so many pairs find with the given power, in sd's unit.

    Returns:
        Infinity where nothing can be found, as `smallest_anytime_p` exceeds alpha; else 0 for an sd of 0.

    Raises:
        ValueError: an argument outside its range.
    """
    require_design(sd, pairs, power, alpha)
    if smallest_anytime_p(techniques, pairs) > alpha:
        return math.inf
    return sd * _effect_found(min(pairs, MOST_PAIRS), techniques, power, alpha)


@cache
def _effect_found(pairs: int, techniques: int, power: float, alpha: float) -> float:
    """The effect, in standard deviations, that has this power; infinity where even 64 have not."""
    normal = np.random.default_rng(SEED).standard_normal((DRAWS, MOST_PAIRS))[:, :pairs]

    def found(effect: float) -> float:
        return float(np.mean(wealth(normal + effect).max(axis=1) >= techniques / alpha))

    low, high = 0.0, 1.0
    while found(high) < power:
        low, high = high, high * 2
        if high > 64:
            return math.inf
    for _ in range(10):  # to a thousandth, which is less than the draws can tell
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < power else (low, middle)
    return high
