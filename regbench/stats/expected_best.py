"""The best that a number of trials can be expected to find, over all orders of the trials that there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95  # of the range


@dataclass(frozen=True)
class Best:
    """What the best of the first n trials is, over all orders of the trials.

    Attributes:
        n: how many trials.
        mean: of the best, over the orders in which there is one; None where no order has any.
        low, high: quantiles of the best at 2.5 and 97.5 %, over all orders, of which those without a best
            are below all others; None where a quantile falls on these.
        found: the share of the orders in which there is a best.
    """

    n: int
    mean: float | None
    low: float | None
    high: float | None
    found: float


def expected_best(scores: Sequence[float | None], smaller: bool = False, level: float = LEVEL) -> list[Best]:
    r"""Give the expected best after 1, 2, ... N trials, exactly.

    Of N trials, sorted, n are drawn without replacement; the i-th is at least as good as all that are drawn
    in C(i, n) / C(N, n) of the draws, so it is the best in C(i-1, n-1) / C(N, n) of them, and the mean is
    the sum of that times the score. Dodge et al. draw with replacement, which for n near N says less than
    was found, and is biased for all n > 1 (Tang et al.); without it the curve ends at the best trial. The
    range is that of the orders, not an interval for trials to come: at N there is one best, and no range.

    Args:
        scores: (N,), in any order; None of a trial that came to nothing, which is below all others.
        smaller: whether less is better.
        level: of the range between the quantiles, in (0, 1).

    Paper: Dodge et al., 2019, "Show Your Work", https://aclanthology.org/D19-1224 (expected validation
    performance); without replacement: Tang et al., 2020, https://aclanthology.org/2020.acl-main.246
    """
    sign = -1.0 if smaller else 1.0
    values = np.sort([sign * score for score in scores if score is not None])
    total = len(scores)
    nothing = total - len(values)
    ranks = np.arange(nothing, total + 1, dtype=float)  # the first stands for all that came to nothing
    within = np.ones(len(ranks))  # the share of the draws of which all are of this rank at most
    made = []
    for n in range(1, total + 1):
        within *= np.maximum(ranks - (n - 1), 0.0) / (total - (n - 1))
        found = 1.0 - float(within[0])
        mean = float(np.diff(within) @ values / found) if len(values) else None
        low, high = (_quantile(values, within, tail) for tail in ((1 - level) / 2, (1 + level) / 2))
        ends = [high, low] if smaller else [low, high]
        mean, least, most = (None if one is None else sign * one for one in (mean, *ends))
        made.append(Best(n, mean, least, most, found if len(values) else 0.0))
    return made


def _quantile(values: np.ndarray, within: np.ndarray, share: float) -> float | None:
    """The least value that the best is at most in this share of the draws; None: there is none in so many."""
    place = int(np.searchsorted(within, share - 1e-12))
    return float(values[place - 1]) if place else None
