"""The test that may be looked at: its definition by brute force, its level, its power."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from regbench.stats.paired import holm, sign_flip_p
from regbench.stats.sequential import (
    GAMBLERS,
    anytime_p,
    pairs_looking,
    power_looking,
    resolvable_looking,
    seeds_needed_looking,
    smallest_anytime_p,
    wealth,
)

LOOKS = 40


def by_hand(values: list[float]) -> list[float]:
    """The wealth by the definition, one product at a time."""
    found = []
    for n in range(1, len(values) + 1):
        total = 0.0
        for (bold, fading), s in product(GAMBLERS, (1, -1)):
            held = 1.0
            for i in range(n):
                square = sum(v * v for v in values[: i + 1]) / (i + 1)
                z = abs(values[i]) / math.sqrt(square) if square else 0.0
                sign = (values[i] > 0) - (values[i] < 0)
                held *= 1 + s * math.tanh(bold / (i + 1) ** fading * z) * sign
            total += held
        found.append(total / (2 * len(GAMBLERS)))
    return found


def test_the_wealth_is_that_of_its_definition() -> None:
    values = [0.3, -0.1, 0.0, 0.25, 2.0, -0.4]
    np.testing.assert_allclose(wealth(values), by_hand(values), rtol=1e-12)


def test_one_difference_alone_says_nothing() -> None:
    # z_1 = 1 whatever its size, and 1/2 (1 + t) + 1/2 (1 - t) = 1
    assert wealth([17.0]) == pytest.approx([1.0])


def test_zeros_bet_nothing() -> None:
    assert wealth([0.0, 0.0, 0.0]) == pytest.approx([1.0] * 3)


def test_neither_unit_nor_sign_matters() -> None:
    values = np.array([0.3, -0.1, 0.2, 0.25, 2.0])
    for factor in (-1.0, 1e-200, 1e200):
        np.testing.assert_allclose(wealth(values * factor), wealth(values), rtol=1e-9)


@pytest.mark.parametrize(
    "magnitudes",
    [
        [1.0] * 12,
        [2.0**i for i in range(12)],
        [0.5, 0, 1, 0, 0, 3, 0.1, 1, 1, 0, 2, 7],
        [2.0**-i for i in range(12)],
    ],
)
def test_over_all_signs_the_mean_wealth_is_one_and_few_ever_grow_rich(magnitudes: list[float]) -> None:
    signs = np.array(list(product((1.0, -1.0), repeat=len(magnitudes))))
    every = wealth(signs * np.array(magnitudes))
    np.testing.assert_allclose(every.mean(axis=0), 1.0, rtol=1e-9)
    for alpha in (0.05, 0.01):
        assert (every.max(axis=1) >= 1 / alpha).mean() <= alpha


def test_a_later_difference_changes_no_earlier_wealth() -> None:
    values = [0.3, -0.1, 0.2, 5.0, -700.0]
    np.testing.assert_allclose(wealth(values)[:3], wealth(values[:3]), rtol=1e-12)


def test_p_remembers_the_richest_moment() -> None:
    good, bad = [1.0] * 8, [-1.0] * 8
    assert anytime_p(good + bad) == anytime_p(good) < 0.05


def test_six_equal_differences_are_the_least_that_resolve() -> None:
    assert anytime_p([1.0] * 5) > 0.05 >= anytime_p([1.0] * 6)
    assert seeds_needed_looking(1) == 6


@pytest.mark.parametrize("pairs", [1, 5, 9])
def test_the_smallest_p_is_that_of_ever_larger_differences(pairs: int) -> None:
    growing = [10.0 ** (4 * i) for i in range(pairs)]
    assert smallest_anytime_p(1, pairs) == pytest.approx(min(1.0, anytime_p(growing)), rel=1e-3)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_what_is_no_number_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="differences must"):
        anytime_p(values)


def noises(generator: np.random.Generator, races: int, looks: int, arms: int) -> dict[str, np.ndarray]:
    """Differences (races, arms, looks) of arms to one baseline of the same law, of several kinds."""
    shape = (races, arms + 1, looks)
    swinging = generator.choice([0.2, 5.0], (races, 1, looks))  # a seed is hard for all
    kinds = {
        "equal": generator.standard_normal(shape),
        "swinging": generator.standard_normal(shape) * swinging,
        "heavy tails": generator.standard_t(1.5, shape),
        "ties and zeros": generator.binomial(12, 0.9, shape) / 12,
    }
    return {name: values[:, 1:] - values[:, :1] for name, values in kinds.items()}


@pytest.mark.parametrize("arms", [1, 5, 10])
def test_looking_after_every_seed_finds_nothing_false(arms: int) -> None:
    races = 1500
    generator = np.random.default_rng(14 + arms)
    for kind, differences in noises(generator, races, LOOKS, arms).items():
        false = (wealth(differences).max(axis=(1, 2)) >= arms / 0.05).mean()
        limit = 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / races)
        assert false <= limit, f"{kind}: {false:.1%} of {races} races of nothing against nothing"


def test_the_fixed_test_under_the_same_looks_is_seen_to_fail() -> None:
    races = 150
    differences = noises(np.random.default_rng(3), races, 20, 1)["equal"][:, 0]
    false = np.mean([any(sign_flip_p(row[:n]) <= 0.05 for n in range(6, 21)) for row in differences])
    assert false > 0.10


def test_holm_over_looks_rejects_no_more_than_its_level() -> None:
    differences = noises(np.random.default_rng(8), 400, 20, 5)["equal"]
    false = np.mean([min(holm([anytime_p(arm) for arm in race])) <= 0.05 for race in differences])
    assert false <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 400)


# ever resolved, of one technique and as one of five, by 10, 20 and 40 pairs: what must be found at least
LISTED = {
    0.8: ((0.29, 0.66, 0.97), (0.06, 0.41, 0.89)),
    1.0: ((0.44, 0.87, 1.00), (0.11, 0.67, 0.99)),
    1.5: ((0.81, 1.00, 1.00), (0.39, 0.98, 1.00)),
}


@pytest.mark.parametrize("effect", LISTED)
def test_power_is_what_is_listed_or_more(effect: float) -> None:
    for techniques, listed in zip((1, 5), LISTED[effect], strict=True):
        found = [power_looking(effect, pairs, techniques) for pairs in (10, 20, 40)]
        assert all(one >= least - 0.02 for one, least in zip(found, listed, strict=True)), found


def test_seeds_for_a_power_are_where_the_power_is_reached() -> None:
    pairs = pairs_looking(1.0, 0.8)
    assert pairs is not None
    assert power_looking(1.0, pairs) >= 0.8 > power_looking(1.0, pairs - 1)
    assert pairs_looking(0.01, 0.8) is None


def test_what_is_resolvable_has_the_power_that_is_said() -> None:
    effect = resolvable_looking(1.0, 20, 5)
    assert power_looking(effect, 20, 5) == pytest.approx(0.8, abs=0.01)
    assert resolvable_looking(3.0, 20, 5) == pytest.approx(3 * effect)
    assert resolvable_looking(1.0, 5, 1) == math.inf
