"""Ranks, Friedman's test and Nemenyi's, by Demsar's example, by scipy and by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest, friedmanchisquare
from scipy.stats import f as f_law

from regbench.stats.ranks import critical_difference, friedman, groups, ranks

# Demsar, 2006, table 6: AUC of C4.5, with m, with cf, with m and cf, on 14 data sets
C45 = np.array([
    [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
])  # fmt: skip


def test_demsars_example() -> None:
    ranked = ranks(-C45)
    assert ranked.mean(0) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    found = friedman(ranked)
    assert found.chi2 == pytest.approx(9.28, abs=5e-3)
    assert found.f == pytest.approx(3.69, abs=5e-3)
    assert found.p == pytest.approx(f_law.sf(3.69, 3, 39), rel=0.01)  # the paper: F(3, 39) at 0.05 is 2.85
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(4, 14, 0.1) == pytest.approx(1.12, abs=5e-3)


def test_ties_share_the_mean_of_their_ranks() -> None:
    assert ranks(np.array([[1.0, 1.0, 0.5], [2.0, 2.0, 2.0]])).tolist() == [[2.5, 2.5, 1], [2, 2, 2]]


def test_without_ties_chi2_is_scipys() -> None:
    scores = np.random.default_rng(3).normal(size=(9, 5))
    assert friedman(ranks(scores)).chi2 == pytest.approx(friedmanchisquare(*scores.T).statistic)


def test_blocks_that_rank_alike_have_the_p_of_chance_and_not_0() -> None:
    ranked = ranks(np.array([[1.0, 2.0, 3.0]] * 3))
    found = friedman(ranked)
    assert found.chi2 == pytest.approx(6)  # n (k - 1)
    assert found.f == float("inf")
    assert found.p == pytest.approx(1 / 36)  # two blocks agree with the first in one of 3! orders each


def test_two_treatments_are_told_apart_as_signs_are() -> None:
    """Five of six blocks for the first."""
    scores = np.array([*[[1.0, 2.0]] * 5, [2.0, 1.0]])
    assert friedman(ranks(scores)).p == pytest.approx(binomtest(5, 6).pvalue)


def test_p_is_the_share_of_all_permutations_that_rank_as_far_apart() -> None:
    ranked = ranks(np.random.default_rng(8).normal([0.0, 0.5, 1.0, 1.5], size=(4, 4)))
    law = list(itertools.permutations([1.0, 2.0, 3.0, 4.0]))
    sums = [ranked[0] + np.sum(rows, axis=0) for rows in itertools.product(law, repeat=3)]
    share = np.mean([(one**2).sum() >= (ranked.sum(0) ** 2).sum() for one in sums])
    assert 0.01 < share < 0.99
    assert friedman(ranked).p == pytest.approx(share)
    five = ranks(np.random.default_rng(8).normal(size=(10, 5)))  # too many for all, and near the law of F
    assert friedman(five).p == pytest.approx(f_law.sf(friedman(five).f, 4, 36), abs=0.03)


@pytest.mark.parametrize(("blocks", "treatments"), [(3, 3), (4, 4), (6, 5)])
def test_of_few_blocks_no_more_than_5_percent_are_false(blocks: int, treatments: int) -> None:
    """By the law of F, 3 blocks of 3 treatments are falsely told apart in 20 % of cases."""
    draw, courses = np.random.default_rng(2), 150
    false = sum(friedman(ranks(draw.normal(size=(blocks, treatments)))).p <= 0.05 for _ in range(courses))
    assert binomtest(false, courses, 0.05, alternative="greater").pvalue > 0.001


def test_equal_treatments_are_not_told_apart() -> None:
    assert friedman(ranks(np.ones((5, 4)))) == pytest.approx((0.0, 0.0, 1.0))


@pytest.mark.parametrize("shape", [(1, 3), (3, 1)])
def test_one_block_or_one_treatment_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^ranks must be of 2 blocks and 2 treatments or more, got "):
        friedman(ranks(np.ones(shape)))


def test_groups_join_neighbours_that_do_not_differ_and_each_is_the_largest() -> None:
    mean_ranks = [3.143, 2.0, 2.893, 1.964]
    assert groups(mean_ranks, 1.12) == [[3, 1, 2], [2, 0]]  # 1.143 and 1.179 apart do differ
    assert groups(mean_ranks, 1.25) == [[3, 1, 2, 0]]
    assert groups(mean_ranks, float("inf")) == [[3, 1, 2, 0]]
    assert groups([1.0, 3.0], 1.0) == []


def test_a_difference_as_large_as_the_critical_one_does_differ() -> None:
    assert groups([1.0, 2.0], 1.0) == []
