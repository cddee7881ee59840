"""A test of paired differences that may be looked at after every one of them, and what it can find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from regbench.stats.bootstrap import SEED
from regbench.stats.ranges import require_design, require_inside

# How boldly gamblers bet: so much, less with the number of pairs to some power. Those that fade find small
# effects, given enough pairs, and narrow the interval down to nothing; six equal differences make all of them
# together 21.8 times richer; and at true means from 0.8 to 1.5 standard deviations they find as much as seven
# who bet 0.25 to 3 throughout, or more, within 10, 20 and 40 pairs.
GAMBLERS = ((0.8, 0.0), (1.3, 0.0), (5.0, 0.0), (1.7, 0.4), (3.5, 0.4))
DRAWS = 4000  # courses of a study, simulated, that power is read from: to 0.8 points
MOST_PAIRS = 320  # that a course is followed for
NUMBERS_AT_ONCE = 2**18  # numbers held at a time
FINITE = 1000  # as many gains, none above 2, have a product that is a number


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
    columns = np.moveaxis(values, -1, 0)
    found = held(columns.reshape(len(columns), math.prod(columns.shape[1:])))
    return np.moveaxis(found.reshape(columns.shape), 0, -1)


def held(values: np.ndarray) -> np.ndarray:
    """Give the `wealth` of each column of (n, columns), of finite values: a step is one operation on all."""
    pairs, columns = values.shape
    largest = np.abs(values).max(axis=0, initial=0.0)
    values = values / np.where(largest > 0, largest, 1)  # z has no unit, and squares shall not overflow
    root = np.sqrt(np.cumsum(values**2, axis=0) / np.arange(1, pairs + 1)[:, None])
    signed = np.divide(values, root, out=np.zeros_like(values), where=root > 0)
    found, before = np.zeros_like(values), np.ones((len(GAMBLERS), 2, columns))
    boldness = _boldness(pairs).T[..., None]
    steps = max(1, NUMBERS_AT_ONCE // max(1, before.size))
    room = np.empty((min(steps, pairs), *before.shape))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, pairs, steps):
            part = slice(start, min(start + steps, pairs))
            bets, products = np.tanh(boldness[part] * signed[part, None]), room[: part.stop - start]
            np.add(1, bets, out=products[:, :, 0])
            np.subtract(1, bets, out=products[:, :, 1])
            products[0] *= before
            for step in range(1, len(products)):
                np.multiply(products[step], products[step - 1], out=products[step])
            before = products[-1].copy()
            if pairs > FINITE:
                np.fmax(products, 0, out=products)  # who had no end and lost it all has nothing
            for gambler in range(len(GAMBLERS)):
                for belief in range(2):
                    found[part] += products[:, gambler, belief]
    return found / (2 * len(GAMBLERS))


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
