"""The interquartile mean by hand and by scipy, and what its interval holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import trim_mean

from regbench.stats.aggregate import interquartile_mean


def test_strata_of_one_size_are_cut_as_a_trimmed_mean_is() -> None:
    values = np.random.default_rng(1).normal(size=(3, 8))
    assert interquartile_mean(values.tolist()).mean == pytest.approx(trim_mean(values.ravel(), 0.25))


def test_values_at_the_edges_count_with_their_part() -> None:
    # five values, a fifth each: half of the middle three fifths' outer ones is 0.15 of 0.2
    assert interquartile_mean([[0, 1, 2, 3, 100]]).mean == pytest.approx(
        (0.15 * 1 + 0.2 * 2 + 0.15 * 3) / 0.5
    )


def test_strata_weigh_alike_whatever_the_number_of_their_values() -> None:
    few, many = [0.0, 2.0], [1.0] * 10  # half of all weight is at 1, and that is the middle half
    assert interquartile_mean([few, many]).mean == pytest.approx(1.0)
    lopsided = [[0.0], [1.0] * 3, [2.0] * 50, [3.0] * 7]
    assert interquartile_mean(lopsided).mean == pytest.approx(1.5)


def test_the_order_of_values_and_repetition_change_nothing() -> None:
    first = interquartile_mean([[3.0, 1.0, 2.0, 5.0], [0.0, 4.0, 1.0, 2.0]])
    assert interquartile_mean([[1.0, 2.0, 3.0, 5.0], [4.0, 2.0, 1.0, 0.0]]) == first


def test_the_interval_is_stratified() -> None:
    """Strata without spread leave none, however far apart they are."""
    assert interquartile_mean([[1.0] * 5, [9.0] * 5, [2.0] * 5, [3.0] * 5]) == pytest.approx((2.5, 2.5, 2.5))


def test_a_stratum_of_fewer_than_three_values_leaves_no_interval() -> None:
    assert interquartile_mean([[1.0, 2.0, 3.0], [1.0, 2.0]])[1:] == (None, None)


@pytest.mark.parametrize("times", [100, pytest.param(200, marks=pytest.mark.long)])
def test_the_interval_holds_the_middle_about_as_often_as_it_says(times: int) -> None:
    """Of 4 strata with 10 values each, whose own means differ; a percentile interval of few is too narrow."""
    draw, means = np.random.default_rng(5), np.array([-3.0, -1.0, 1.0, 3.0])  # symmetric: the middle is 0
    held = 0
    for _ in range(times):
        found = interquartile_mean((means[:, None] + draw.normal(size=(4, 10))).tolist())
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
    assert 0.86 <= held / times <= 0.99


@pytest.mark.parametrize("strata", [[], [[1.0], []]])
def test_no_values_are_refused(strata: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"^strata must hold a value each, got none$"):
        interquartile_mean(strata)
