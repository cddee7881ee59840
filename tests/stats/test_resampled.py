"""The corrected resampled t test: numbers worked out by hand, and by SciPy's t test of corrected numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regbench.stats.paired import mean_interval, sign_flip_p
from regbench.stats.paired_test import FIXED, resampled
from regbench.stats.resampled import (
    corrected_variance,
    pairs_resampled,
    resampled_interval,
    resampled_p,
    resolvable_resampled,
)

FIVE = [1.0, 2.0, 3.0, 4.0, 5.0]  # mean 3, variance 2.5


def test_the_variance_of_the_mean_is_that_of_the_paper() -> None:
    assert corrected_variance(FIVE, 0.25) == pytest.approx((1 / 5 + 1 / 4) * 2.5)  # 1.125
    assert corrected_variance(FIVE[::-1], 0.5) == pytest.approx(1.75)
    assert corrected_variance([0.1] * 3, 0.25) == 0.0


def test_the_interval_is_students_with_that_variance() -> None:
    low, high, method = resampled_interval(FIVE, 0.25) or (0, 0, "")
    half = 2.776445 * math.sqrt(1.125)  # 2.5 % of Student's t with 4 degrees lie beyond 2.776445
    assert (low, high) == pytest.approx((3 - half, 3 + half), abs=1e-5)
    assert method == "corrected t"
    plain = mean_interval(FIVE)
    assert plain is not None
    assert low < plain.low < plain.high < high
    assert resampled_interval([1.0], 0.25) is None
    assert resampled_interval([0.1, 0.1], 0.25) == (0.1, 0.1, "corrected t")


def test_p_is_that_of_the_statistic_where_it_is_larger_than_the_sign_flip_tests() -> None:
    values = [0.9, 1.1, 1.4, 0.2, 0.8, 1.0, 0.7, 1.3]
    t = np.mean(values) / math.sqrt((1 / 8 + 0.25) * np.var(values, ddof=1))
    assert resampled_p(values, 0.25) == pytest.approx(sign_flip_p(values)) == 2 / 2**8
    assert 2 * stats.t.sf(t, 7) < 2 / 2**8, "of eight that have one sign the sign-flip test is the less sure"
    wide = [0.9, 3.1, 1.4, -0.6, 0.8, 2.0, 0.1, 1.3]
    t = np.mean(wide) / math.sqrt((1 / 8 + 0.25) * np.var(wide, ddof=1))
    assert resampled_p(wide, 0.25) == pytest.approx(2 * stats.t.sf(t, 7))
    assert resampled_p(wide, 0.25) > 4 * sign_flip_p(wide)
    assert resampled_p([-value for value in wide[::-1]], 0.25) == pytest.approx(resampled_p(wide, 0.25))


def test_few_differences_that_are_alike_prove_nothing() -> None:
    assert resampled_p([0.01] * 2, 0.25) == 0.5
    assert resampled_p([0.01], 0.25) == 1.0
    assert resampled_p([0.0] * 9, 0.25) == 1.0


@pytest.mark.parametrize("share", [0.0, -1.0, math.inf, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share must lie above 0 and be finite, got"):
        resampled_p(FIVE, share)


def test_more_splits_of_one_data_set_find_no_more_than_it_holds() -> None:
    found = [resolvable_resampled(1.0, pairs, 1, 0.8, 0.25) for pairs in (6, 10, 40, 300)]
    assert found == sorted(found, reverse=True)
    limit = (1.959964 + 0.841621) * 0.5  # of a normal mean whose standard error is the root of the share
    assert limit < found[-1] < 1.02 * limit
    assert resolvable_resampled(1.0, 5, 1, 0.8, 0.25) == math.inf
    assert pairs_resampled(limit, 0.8, 1, 0.25) is None
    enough = pairs_resampled(2.0, 0.8, 1, 0.25)
    assert enough is not None
    assert resolvable_resampled(1.0, enough, 1, 0.8, 0.25) <= 2.0
    assert resolvable_resampled(1.0, enough - 1, 1, 0.8, 0.25) > 2.0


@pytest.mark.parametrize(("pairs", "techniques"), [(6, 1), (10, 1), (12, 5)])
def test_what_would_have_been_found_is_found_so_often(pairs: int, techniques: int) -> None:
    """Differences with the correlation that the correction supposes: the share over 1 + the share."""
    share, draw = 0.25, np.random.default_rng(5)
    effect = resolvable_resampled(1.0, pairs, techniques, 0.8, share)
    common = math.sqrt(share) * draw.standard_normal((2000, 1))
    values = effect + common + draw.standard_normal((2000, pairs))
    found = np.mean([resampled_p(row, share) <= 0.05 / techniques for row in values])
    assert 0.76 <= found <= 0.84


def test_as_one_of_the_tests_it_needs_as_many_seeds_as_the_fixed_one_and_says_what_it_supposes() -> None:
    test = resampled(0.25)
    assert (test.name, test.in_order) == ("resampled", False)
    for techniques in (1, 5, 10):
        pairs = test.seeds_needed(techniques)
        assert pairs == FIXED.seeds_needed(techniques)
        assert techniques * test.p([0.1] * pairs) <= 0.05
    assert test.p(FIVE) == resampled_p(FIVE, 0.25)
    assert test.interval(FIVE, 0.1) == resampled_interval(FIVE, 0.25, 0.1)
    assert test.resolvable(2.0, 8, 1, 0.8) == pytest.approx(2 * resolvable_resampled(1.0, 8, 1, 0.8, 0.25))
    assert test.pairs_for(2.0, 0.9, 1) == pairs_resampled(2.0, 0.9, 1, 0.25)
    assert "over data sets of this size" in test.sentence
    assert "1/n + 0.25" in test.sentence
