"""Ranks of several treatments over several blocks: do they differ at all, and which from which?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
from scipy import special, stats

from regbench.stats.bootstrap import SEED

FEW = 12  # blocks, up to which p is by permutation
MOST = 20_000  # permutations
TIE = 1e-9  # relative; what differs by rounding only


class Friedman(NamedTuple):
    """Friedman's test.

    Attributes:
        chi2: Friedman's statistic, of k - 1 degrees of freedom.
        f: Iman and Davenport's, of k - 1 and (k - 1) (n - 1); infinite where all blocks rank alike.
        p: of either; by permuting ranks within blocks, of many blocks by f.
    """

    chi2: float
    f: float
    p: float


def ranks(scores: np.ndarray) -> np.ndarray:
    """Rank each row, the smallest first as 1; ties share the mean of their ranks.

    Args:
        scores: (n, k): of n blocks and k treatments.

    Returns:
        (n, k).
    """
    return np.asarray(stats.rankdata(scores, axis=1), dtype=float)


def friedman(ranked: np.ndarray) -> Friedman:
    """Test whether some treatment ranks higher than others.

    chi2 = 12 n / (k (k + 1)) (sum of squared mean ranks - k (k + 1)^2 / 4), not corrected for ties;
    f = (n - 1) chi2 / (n (k - 1) - chi2). For few blocks the law of f is not that of Fisher's: at 5 % it
    rejects in 20 % of cases of 3 blocks and 3 treatments. So p of up to 12 blocks is the share of all ways
    to permute the ranks within blocks that have no smaller chi2; where these are more than 20,000, of 20,000
    random ones, as (1 + count) / (1 + 20,000), with a fixed seed.

    Args:
        ranked: (n, k) as `ranks` gives them.

    Paper: Demsar, 2006, https://jmlr.org/papers/v7/demsar06a.html, section 3.2.2; Iman and Davenport, 1980,
        https://doi.org/10.1080/03610928008827904

    Raises:
        ValueError: fewer than two blocks or two treatments.
    """
    blocks, treatments = ranked.shape
    if blocks < 2 or treatments < 2:
        raise ValueError(f"ranks must be of 2 blocks and 2 treatments or more, got {blocks} and {treatments}")
    spread = float((ranked.mean(0) ** 2).sum()) - treatments * (treatments + 1) ** 2 / 4
    chi2 = max(0.0, 12 * blocks / (treatments * (treatments + 1)) * spread)
    left = blocks * (treatments - 1) - chi2
    f = (blocks - 1) * chi2 / left if left > TIE * blocks * treatments else math.inf
    if blocks <= FEW:
        return Friedman(chi2, f, _permuted_p(ranked))
    return Friedman(chi2, f, float(special.fdtrc(treatments - 1, (treatments - 1) * (blocks - 1), f)))


def _permuted_p(ranked: np.ndarray) -> float:
    """Of rank sums with the squares of which chi2 rises; the first block may stay as it is."""
    blocks, treatments = ranked.shape
    least = (ranked.sum(0) ** 2).sum() * (1 - TIE)
    if math.factorial(min(treatments, 9)) ** (blocks - 1) <= MOST:
        sums = ranked[:1]
        for row in ranked[1:]:
            sums = (sums[:, None] + np.array(list(permutations(row)))).reshape(-1, treatments)
        return float(np.mean((sums**2).sum(1) >= least))
    generator = np.random.default_rng(SEED)
    drawn = np.zeros((MOST, treatments)) + ranked[0]
    for row in ranked[1:]:
        drawn += generator.permuted(np.tile(row, (MOST, 1)), axis=1)
    return float((1 + np.count_nonzero((drawn**2).sum(1) >= least)) / (1 + MOST))


def critical_difference(treatments: int, blocks: int, alpha: float = 0.05) -> float:
    """Give Nemenyi's critical difference: mean ranks that lie as far apart or farther differ.

    q sqrt(k (k + 1) / (6 n)), q the upper quantile of the studentized range of k with infinite degrees of
    freedom over sqrt(2). All pairs of treatments together are one family of tests at alpha.

    Paper: Nemenyi, 1963, as in Demsar, 2006, https://jmlr.org/papers/v7/demsar06a.html, section 3.2.2
    """
    quantile = float(stats.studentized_range.ppf(1 - alpha, treatments, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(treatments * (treatments + 1) / (6 * blocks))


def groups(mean_ranks: Sequence[float], least: float) -> list[list[int]]:
    """The largest groups of neighbours in rank of which no two differ: places in the order given.

    Args:
        mean_ranks: of the treatments.
        least: the difference from which on two differ; infinite where none do.

    Returns:
        Groups of two or more, from the lowest rank up; each sorted by rank.
    """
    order = sorted(range(len(mean_ranks)), key=lambda place: mean_ranks[place])
    found: list[list[int]] = []
    for start in range(len(order)):
        first = mean_ranks[order[start]]
        group = [place for place in order[start:] if mean_ranks[place] - first < least]
        if len(group) > 1 and not (found and group[-1] == found[-1][-1]):
            found.append(group)
    return found
