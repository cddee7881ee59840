"""Proof that verdicts over splits do not over-claim: learners on overlapping splits of finite data sets."""

from __future__ import annotations

import numpy as np
import pytest

from regbench.analysis.splits import share_of
from regbench.stats.paired_test import FIXED, SEQUENTIAL, PairedTest, resampled
from simulated_splits import LEARNERS, SHARE, called, studies
from tests.laws.test_honesty import deviation

# so many tell in seconds what is grossly wrong, the many of the remainder what is slightly so
SIMULATIONS = [300, pytest.param(2000, marks=pytest.mark.long)]


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("splits", [6, 12])
@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("rows", [120, 480])
def test_what_makes_no_difference_over_data_sets_is_called_no_better_and_no_worse(
    kind: str, rows: int, splits: int, simulations: int
) -> None:
    found = called(studies(kind, rows, 2, simulations), [splits], resampled(SHARE))
    assert found <= 0.05 + deviation(0.05, simulations)


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("kind", ["one law", "other inputs"])
def test_several_techniques_are_one_family(kind: str, simulations: int) -> None:
    found = called(studies(kind, 120, 4, simulations), [12], resampled(SHARE))
    assert found <= 0.05 + deviation(0.05, simulations)


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("train", [20, 80])
def test_of_few_train_rows_too(kind: str, train: int, simulations: int) -> None:
    """Of 160 that there are for 40 of val: what is not kept makes splits overlap no more."""
    found = called(studies(kind, 240, 2, simulations, 12, train), [12], resampled(share_of(train, 40)))
    assert found <= 0.05 + deviation(0.05, simulations)


@pytest.mark.parametrize("simulations", SIMULATIONS)
@pytest.mark.parametrize("test", [FIXED, SEQUENTIAL], ids=lambda one: one.name)
def test_a_test_that_takes_splits_for_independent_is_false_more_often(
    test: PairedTest, simulations: int
) -> None:
    """What the correction is for; and a level that can be missed."""
    assert called(studies("other inputs", 480, 2, simulations), [12], test) > 0.08
    assert called(studies("other inputs", 480, 2, simulations), [12], resampled(0.01)) > 0.10


@pytest.mark.parametrize("simulations", SIMULATIONS)
def test_of_two_of_one_law_the_sign_flip_test_is_right_over_splits_too(simulations: int) -> None:
    """Within each pair the two might be exchanged, however the splits overlap."""
    found = called(studies("one law", 120, 2, simulations), [12], FIXED)
    assert found <= 0.05 + deviation(0.05, simulations)


@pytest.mark.parametrize("simulations", SIMULATIONS)
def test_the_interval_holds_the_mean_over_data_sets(simulations: int) -> None:
    found = studies("other inputs", 120, 2, simulations)
    intervals = [resampled(SHARE).interval(values[0], 0.05) for values in found]
    covered = np.mean([one is not None and one.low <= 0 <= one.high for one in intervals])
    assert covered >= 0.95 - deviation(0.95, simulations)


def test_a_clear_difference_is_found() -> None:
    """Of 15 points, by 80 val rows and with a spread of 7 over splits; of so much about 9 in 10 are found."""
    found = [values + 0.15 for values in studies("other inputs", 480, 2, 300)]
    assert called(found, [12], resampled(SHARE)) > 0.8
