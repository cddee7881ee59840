"""How many seeds a difference takes, by the spread that is known."""

from __future__ import annotations

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.planning import Pilot, Sought, needed, pilots
from regbench.analysis.question import Question
from regbench.records.metrics import NUMBERS, Terms
from regbench.records.reader import Found
from regbench.reports.plan_text import page
from tests.records.made import figures, result

HALF = Sought("val/accuracy", 0.005, 1)


def test_seeds_are_those_of_each_test_for_the_effect_in_standard_deviations() -> None:
    found = {(one.test, one.power): one.seeds for one in needed(HALF, 0.005)}
    # the paired t test at an effect of 1 needs 10 and 13 pairs; the sign-flip test a little more
    assert found[("fixed", 0.8)] in (10, 11)
    assert found[("fixed", 0.9)] in (13, 14)
    assert 15 <= (found[("sequential", 0.8)] or 0) <= 20
    assert found == {(one.test, one.power): one.seeds for one in needed(Sought("val/loss", 5.0, 1), 5.0)}


def test_a_spread_of_nothing_takes_the_least_that_resolve_and_a_wide_one_more_than_are_thought_of() -> None:
    assert {one.seeds for one in needed(HALF, 0.0)} == {6}
    assert {one.seeds for one in needed(Sought("val/accuracy", 0.005, 5), 0.0) if one.test == "fixed"} == {8}
    assert {one.seeds for one in needed(HALF, 1.0)} == {None}
    table, _ = page(Pilot("", 1.0), HALF, lambda seeds: f"{seeds} s")
    assert {tuple(row[2:]) for row in table.rows} == {("more than 320", "-")}


def test_the_spread_of_pilot_runs_is_pooled_over_the_techniques() -> None:
    steps = {"dropout": [0.01, 0.03], "mixup": [0.0, 0.0, 0.06], "l2": [0.01]}  # sd 0.01414, 0.03464, unknown
    made = [result([], seed, [figures(0.8)]) for seed in range(3)]
    made += [
        result([name], seed, [figures(0.8 + step)])
        for name, several in steps.items()
        for seed, step in enumerate(several)
    ]
    (pilot,) = pilots(report(Found(made), Question()).comparisons, "val/accuracy")
    assert pilot.sd == pytest.approx(((1 * 0.0002 + 2 * 0.0012) / 3) ** 0.5)
    assert (pilot.pairs, pilot.techniques) == (3, 2)
    assert pilot.upper == pytest.approx(
        pilot.sd * (2 / 0.2107) ** 0.5, rel=1e-3
    )  # chi-squared, 2 degrees, 10 %
    table, lines = page(pilot, HALF, str)
    assert "0.50 points of val accuracy, as one of 1 technique: digits mlp" in table.caption
    assert lines[0].startswith(
        "the standard deviation of the paired differences is 2.94, of 2 techniques with up to 3 pairs; "
        "it may be 9.07"
    )


def test_of_numbers_to_predict_a_difference_is_in_their_unit() -> None:
    pilot = Pilot("", 3000.0, terms=Terms(NUMBERS, "EUR"))
    table, lines = page(pilot, Sought("val/rmse", 2000.0, 1), str)
    assert table.caption == "seeds that find 2000.0 EUR of val RMSE, as one of 1 technique"
    assert lines[0] == "the standard deviation of the paired differences is said to be 3000.0"


def test_runs_without_a_pair_of_pairs_tell_no_spread() -> None:
    made = [result([], 0, [figures(0.8)]), result(["dropout"], 0, [figures(0.9)])]
    assert list(pilots(report(Found(made), Question()).comparisons, "val/accuracy")) == []
