"""The interval that may be looked at: by the definition, at every number of differences at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regbench.stats.confidence import confidence_sequence, confidence_sequences
from regbench.stats.sequential import anytime_p, wealth
from tests.stats.test_sequential import LOOKS, noises


def test_the_interval_holds_just_the_shifts_that_are_not_excluded() -> None:
    values = np.random.default_rng(5).standard_normal(15) + 2
    interval = confidence_sequence(values)
    assert interval is not None
    width = interval.high - interval.low
    for end, outwards in ((interval.low, -1), (interval.high, 1)):
        assert anytime_p(values - (end - outwards * 1e-6 * width)) > 0.05
        assert anytime_p(values - (end + outwards * 1e-6 * width)) <= 0.05


def test_few_differences_exclude_nothing_and_equal_ones_all_else() -> None:
    assert confidence_sequence([1.0, 2.0, 1.5, 1.2, 1.1]) is None
    assert confidence_sequence([0.25] * 9)[:2] == (0.25, 0.25)


def test_the_interval_agrees_with_the_verdict() -> None:
    for seed in range(40):
        values = np.random.default_rng(seed).standard_normal(14) + 0.9
        interval = confidence_sequence(values)
        assert interval is not None
        assert (anytime_p(values) > 0.05) == (interval.low < 0 < interval.high)


@pytest.mark.parametrize("kind", ["equal", "swinging", "heavy tails", "ties and zeros"])
def test_the_sequence_of_intervals_holds_the_mean_at_every_number_at_once(kind: str) -> None:
    # the mean is held at all numbers at once where the wealth of the differences less the mean stays low
    races = 600
    mean = 0.7
    differences = noises(np.random.default_rng(9), races, LOOKS, 1)[kind][:, 0] + mean
    held = []
    for row in differences[:60]:
        ends = [confidence_sequence(row[:n]) for n in (8, 20, LOOKS)]
        held.append(all(end is None or end.low <= mean <= end.high for end in ends))
    assert np.mean(held) >= 0.95 - 2.6 * math.sqrt(0.05 * 0.95 / 60)
    assert (wealth(differences - mean).max(axis=1) < 20).mean() >= 0.95 - 2.6 * math.sqrt(0.05 * 0.95 / races)


@pytest.mark.parametrize("races", [100, pytest.param(300, marks=pytest.mark.long)])
def test_no_difference_that_matters_is_seldom_said_at_the_margin_itself(races: int) -> None:
    margin = 1.0
    generator = np.random.default_rng(21)
    said = 0
    for row in generator.standard_normal((races, 60)) * 0.5 + margin:
        ends = [confidence_sequence(row[:n]) for n in (10, 20, 40, 60)]
        said += any(end is not None and -margin < end.low and end.high < margin for end in ends)
    assert said / races <= 0.05


def test_several_lists_at_once_are_each_what_it_is_alone() -> None:
    generator = np.random.default_rng(9)
    several = [generator.normal(0.3, 1, n) for n in (9, 12, 9, 3, 12, 9)]
    several += [np.full(9, 0.25), np.zeros(12), np.round(generator.normal(2, 1, 9))]
    assert confidence_sequences(several) == [confidence_sequence(values) for values in several]
    assert confidence_sequences([]) == []
