"""Both tests with what stands beside them: each figure is that of the test itself."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
import pytest

from regbench.stats.paired import holm, resolvable, sign_flip_p
from regbench.stats.paired_test import FIXED, SEQUENTIAL, PairedTest, pairs_fixed
from regbench.stats.sequential import MOST_PAIRS

BOTH = pytest.mark.parametrize("test", [SEQUENTIAL, FIXED], ids=lambda one: one.name)


@BOTH
@pytest.mark.parametrize("techniques", [1, 5, 10])
def test_the_seeds_that_are_needed_are_the_least_that_resolve_equal_differences(
    test: PairedTest, techniques: int
) -> None:
    pairs = test.seeds_needed(techniques)
    assert techniques * test.p([0.1] * pairs) <= 0.05 < techniques * test.p([0.1] * (pairs - 1))
    assert test.smallest_p(techniques, pairs) <= min(1.0, techniques * test.p([0.1] * pairs)) * (1 + 1e-9)


@BOTH
def test_no_p_is_smaller_than_the_smallest(test: PairedTest) -> None:
    generator = np.random.default_rng(6)
    for pairs in (3, 6, 10):
        for spread in (0.1, 1.0, 3.0):
            values = np.exp(generator.normal(0, spread, pairs))
            assert test.p(values) >= test.smallest_p(1, pairs) * (1 - 1e-9)


@BOTH
@pytest.mark.parametrize("techniques", [1, 5])
def test_the_pairs_for_a_power_find_the_effect_and_one_fewer_does_not(
    test: PairedTest, techniques: int
) -> None:
    pairs = test.pairs_for(1.0, 0.8, techniques)
    assert pairs is not None
    slack = 0.03 if test is SEQUENTIAL else 0.0  # a simulation, of 4,000 courses
    assert test.resolvable(1.0, pairs, techniques, 0.8) <= 1.0 + slack
    assert test.resolvable(1.0, pairs - 1, techniques, 0.8) > 1.0 - slack


def test_the_fixed_number_of_pairs_is_that_of_a_search_one_by_one() -> None:
    for effect, power, techniques in ((0.8, 0.8, 1), (1.5, 0.9, 5), (2.0, 0.8, 10)):
        one_by_one = next(n for n in range(2, 100) if resolvable(1.0, n, techniques, power) <= effect)
        assert pairs_fixed(effect, power, techniques) == one_by_one
    assert pairs_fixed(0.01, 0.8) is None
    assert pairs_fixed(resolvable(1.0, MOST_PAIRS, 1), 0.8) == MOST_PAIRS


@BOTH
def test_an_interval_leaves_out_0_where_one_technique_is_resolved_with_room(test: PairedTest) -> None:
    values = [1.0, 1.2, 0.9, 1.1, 1.3, 0.8, 1.0, 1.1]
    interval = test.interval(values, 0.05)
    assert interval is not None
    assert 0 < interval.low < np.mean(values) < interval.high
    wider = test.interval(values, 0.02)
    assert wider is not None
    assert wider.low < interval.low
    assert interval.high < wider.high


def test_the_p_values_are_those_of_brute_force() -> None:
    values = [0.3, -0.1, 0.2, 0.2, 0.0, 0.4]
    patterns = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True))) for signs in product((1, -1), repeat=6)
    ]
    assert sign_flip_p(values) == np.mean([one >= abs(sum(values)) - 1e-12 for one in patterns])
    assert {sign_flip_p(order) for order in permutations(values[:4])} == {sign_flip_p(values[:4])}


def test_holm_is_the_closed_test_of_bonferroni() -> None:
    """Each subset is tested at the level over its size; a hypothesis falls with all subsets that hold it."""
    generator = np.random.default_rng(4)
    for _ in range(50):
        p_values = list(generator.uniform(0, 0.2, 4) ** 1.5)
        for index, adjusted in enumerate(holm(p_values)):
            holding = [
                [p for p, kept in zip(p_values, subset, strict=True) if kept]
                for subset in product((0, 1), repeat=4)
                if subset[index]
            ]
            closed = max(min(1.0, len(one) * min(one)) for one in holding)
            assert adjusted == pytest.approx(closed)


def test_an_effect_of_no_size_is_never_found_and_one_of_any_size_soon() -> None:
    for test in (SEQUENTIAL, FIXED):
        assert test.pairs_for(64.0, 0.9, 1) == test.seeds_needed(1)
        assert math.isinf(test.resolvable(1.0, test.seeds_needed(5) - 1, 5, 0.8))
