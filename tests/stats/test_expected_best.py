"""The expected best of n trials, against every order of a few."""

from __future__ import annotations

from itertools import permutations
from math import comb

import numpy as np
import pytest

from regbench.stats.expected_best import expected_best

FIVE = [0.7, 0.9, 0.2, 0.6, 0.65]


def bests(scores: list[float | None], n: int) -> list[float]:
    """The best of the first n in every order; minus infinity where there is none."""
    return [
        max((one for one in order[:n] if one is not None), default=-np.inf) for order in permutations(scores)
    ]


@pytest.mark.parametrize("n", range(1, 6))
def test_is_the_mean_over_all_orders(n: int) -> None:
    found = expected_best(FIVE)[n - 1]
    assert (found.n, found.found) == (n, 1.0)
    assert found.mean == pytest.approx(np.mean(bests(list(FIVE), n)))


def test_two_numbers_by_hand() -> None:
    one, two, three = expected_best([1.0, 2.0, 4.0])
    assert one.mean == pytest.approx(7 / 3)
    assert two.mean == pytest.approx((2 + 4 + 4) / 3), "pairs: 1 2, 1 4, 2 4"
    assert (three.mean, three.low, three.high) == (pytest.approx(4), 4, 4)


@pytest.mark.parametrize("n", range(1, 6))
def test_the_range_is_between_the_quantiles_over_all_orders(n: int) -> None:
    found = expected_best(FIVE, level=0.5)[n - 1]
    ends = np.quantile(bests(list(FIVE), n), [0.25, 0.75], method="inverted_cdf")
    assert (found.low, found.high) == tuple(ends)


@pytest.mark.parametrize("n", range(1, 6))
def test_trials_that_came_to_nothing_are_below_all_others(n: int) -> None:
    scores = [0.7, None, 0.2, None, 0.65]
    found = expected_best(scores, level=0.5)[n - 1]
    every = np.array(bests(scores, n))
    there = every[np.isfinite(every)]
    assert found.found == pytest.approx(len(there) / len(every))
    assert found.mean == pytest.approx(there.mean()), "over the orders that have a best"
    ends = [None if np.isinf(end) else end for end in np.quantile(every, [0.25, 0.75], method="inverted_cdf")]
    assert [found.low, found.high] == ends


def test_less_is_better_where_that_is_said() -> None:
    more, less = expected_best(FIVE), expected_best([-one for one in FIVE], smaller=True)
    for one, other in zip(more, less, strict=True):
        assert other.mean == pytest.approx(-(one.mean or 0))
        assert (other.low, other.high) == (-(one.high or 0), -(one.low or 0))


def test_nothing_but_nothing_and_no_trial_at_all() -> None:
    assert expected_best([]) == []
    for one in expected_best([None, None]):
        assert (one.mean, one.low, one.high, one.found) == (None, None, None, 0.0)


def test_many_trials_keep_the_sum_of_the_paper() -> None:
    scores = np.random.default_rng(3).normal(size=80)
    ordered = np.sort(scores)
    n = 17
    whole = sum(value * comb(i, n - 1) / comb(80, n) for i, value in enumerate(ordered))
    made = expected_best(list(scores))
    assert made[n - 1].mean == pytest.approx(whole, rel=1e-12)
    means = [one.mean for one in made]
    assert means == sorted(means), "more trials never find less"
