"""What holds over conditions, by hand: conditions are the unit, each counts once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from scipy.stats import friedmanchisquare, t, ttest_1samp

from regbench.records.reader import Result
from tests.analysis.across_runs import BASE, RATES, condition, one, told
from tests.records.made import figures, member, result

STEPS = {"dropout": (0.010, 0.020, 0.030, 0.012), "l2": (0.001, -0.001, 0.002, -0.003), "mixup": (-0.02,) * 4}


def runs(rates: Sequence[float] = RATES, steps: dict[str, Sequence[float]] = STEPS) -> list[Result]:
    """At each rate what its column of `STEPS` says, the same for all seeds."""
    return [
        run
        for place, rate in enumerate(rates)
        for run in condition(rate, {name: float(several[place]) for name, several in steps.items()})
    ]


def test_the_mean_counts_each_condition_once_and_its_interval_has_them_as_the_unit() -> None:
    found = one(told(runs()), "dropout").mean
    assert found is not None
    assert (found.n, found.method) == (4, "t")
    assert found.mean == pytest.approx(0.018)
    spread = math.sqrt(sum((step - 0.018) ** 2 for step in STEPS["dropout"]) / 3)
    assert found.sd == pytest.approx(spread)
    assert found.high == pytest.approx(0.018 + t.ppf(0.975, 3) * spread / 2)
    interval = ttest_1samp(STEPS["dropout"], 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_a_condition_of_more_seeds_counts_no_more() -> None:
    steps = [condition(0.1, {"dropout": 0.01}), condition(0.2, {"dropout": 0.03}, BASE[:2])]
    found = one(told([run for several in steps for run in several]), "dropout")
    assert found.mean is not None
    assert found.mean.mean == pytest.approx(0.02)


def test_below_three_conditions_there_is_no_interval_over_them() -> None:
    found = one(told(runs(RATES[:2])), "dropout").mean
    assert found is not None
    assert (found.mean, found.low, found.high, found.method) == (pytest.approx(0.015), None, None, "")


def test_the_verdict_is_of_signs_flipped_over_conditions_adjusted_for_the_techniques() -> None:
    found = told(runs())
    words = {name: one(found, name).verdict for name in STEPS}
    # 4 of one sign: 2 of 16 patterns; the smallest of 3 by Holm three times, the next no less; 1 - 1 + 2 - 3
    # is odd, and so no pattern of signs has a sum nearer to 0 than -1
    assert {name: verdict.p for name, verdict in words.items() if verdict} == pytest.approx(
        {"dropout": 2 / 16, "mixup": 2 / 16, "l2": 1}
    )
    assert {name: verdict.p_adjusted for name, verdict in words.items() if verdict} == pytest.approx(
        {"dropout": 6 / 16, "mixup": 6 / 16, "l2": 1}
    )
    assert {verdict.word for verdict in words.values() if verdict} == {"not resolved"}
    assert any(
        "above 0.05, so no mean can be resolved; 7 conditions would do" in line for line in found.families
    )


def test_ten_conditions_can_tell() -> None:
    rates = [place / 20 for place in range(1, 11)]
    steps = {"dropout": [0.01 + place / 1000 for place in range(10)], "mixup": [-0.01] * 10, "l2": [0.0] * 10}
    found = told(runs(rates, steps), margin=0.002)
    verdicts = {name: one(found, name).verdict for name in steps}
    assert {name: verdict and verdict.word for name, verdict in verdicts.items()} == {
        "dropout": "better",
        "mixup": "worse",
        "l2": "no difference that matters",
    }


def test_verdicts_of_the_cells_are_those_of_each_comparison_and_are_counted() -> None:
    found = told(
        [*condition(0.1, {"dropout": 0.01, "l2": 0.0}), *condition(0.2, {"dropout": -0.01, "l2": 0.0})]
    )
    dropout = one(found, "dropout")
    assert [cell.verdict and cell.verdict.word for cell in dropout.cells] == ["better", "worse"]
    assert [cell.verdict and cell.verdict.p_adjusted for cell in dropout.cells] == [
        pytest.approx(4 / 2**8)
    ] * 2
    assert dropout.counts == {"better": 1, "worse": 1, "no difference that matters": 0, "not resolved": 0}
    assert one(found, "l2").counts["not resolved"] == 2


def test_ranks_are_of_means_the_baseline_among_them() -> None:
    found = told(runs())
    assert found.ranking
    # dropout is first everywhere, mixup last; l2 and the baseline change places twice
    assert found.ranking.ranks == pytest.approx({"dropout": 1.0, "l2": 2.5, "baseline": 2.5, "mixup": 4.0})
    assert found.ranking.by_condition == [[1, 2, 3, 4], [1, 3, 2, 4], [1, 2, 3, 4], [1, 3, 2, 4]]
    assert found.ranking.chi2 == pytest.approx(
        friedmanchisquare(*zip(*found.ranking.by_condition, strict=True)).statistic
    )
    assert found.ranking.differ
    assert found.ranking.critical_difference == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 4)), abs=1e-3)
    assert found.ranking.groups == [["dropout", "l2", "baseline"], ["l2", "baseline", "mixup"]]
    assert [technique.name for technique in found.techniques] == ["dropout", "l2", "mixup"]
    assert one(found, "l2").rank == 2.5


def test_where_friedman_resolves_nothing_no_two_are_told_apart() -> None:
    found = told(runs(RATES[:2]))
    assert found.ranking
    assert not found.ranking.differ
    assert found.ranking.groups == [["dropout", "l2", "baseline", "mixup"]]
    assert "no two are told apart" in found.ranking.sentence


def test_less_of_a_loss_is_better() -> None:
    found = told(runs(), metric="val/loss")
    assert found.ranking
    assert next(iter(found.ranking.ranks)) == "dropout"
    assert found.techniques[0].name == "dropout"
    assert found.techniques[0].counts["better"] == 4


def test_the_interquartile_mean_is_over_all_runs() -> None:
    """Half of the differences are 0.01, a quarter lies far off at either end."""
    found = told([
        *condition(0.1, {"dropout": (0.01,) * 8}),
        *condition(0.2, {"dropout": (-0.8,) * 4 + (0.09,) * 4}),
    ])  # fmt: skip
    middle = one(found, "dropout").middle
    assert middle is not None
    assert middle.mean == pytest.approx(0.01)
    assert middle.low is not None
    assert middle.high is not None
    assert middle.low <= 0.01 <= middle.high


def test_a_technique_that_a_condition_lacks_is_said_and_has_no_rank() -> None:
    found = told([*runs(RATES[:3]), *condition(0.4, {"dropout": 0.01, "mixup": -0.02})])
    l2 = one(found, "l2")
    assert (l2.rank, l2.cells[3].difference, l2.cells[3].missing) == (None, None, "not run")
    assert l2.mean is not None
    assert l2.mean.n == 3
    assert found.ranking
    assert set(found.ranking.ranks) == {"baseline", "dropout", "mixup"}
    assert (
        "l2: nothing to compare in lr=0.4 (not run); its mean is over 3 conditions; it is left out of the "
        "ranks" in found.notes
    )
    assert found.techniques[-1] is l2


def test_a_technique_that_diverged_ranks_last_there_and_is_not_better() -> None:
    rates = [place / 10 for place in range(1, 9)]
    lost = result(["dropout"], 8, [], status="diverged", config={"train": {"lr": 0.8}})
    found = told([*runs(rates, {"dropout": [0.01] * 8, "l2": [-0.01] * 8}), lost])
    dropout = one(found, "dropout")
    assert dropout.mean is not None
    assert dropout.verdict is not None
    assert dropout.verdict.p_adjusted == pytest.approx(4 / 2**8)
    assert (dropout.verdict.word, dropout.verdict.reason) == ("not resolved", "diverged in lr=0.8")
    assert dropout.rank == pytest.approx((7 * 1 + 3) / 8)
    l2 = one(found, "l2").verdict
    assert l2
    assert l2.word == "worse"


def lost(stack: list[str], rate: float) -> Result:
    """A run that diverged, with a seed of its own."""
    return result(stack, 90, [], status="diverged", config={"train": {"lr": rate}})


def test_without_ranks_nothing_is_said_to_have_one_or_to_be_left_out() -> None:
    made = [*condition(0.1, {"dropout": 0.01}), *condition(0.2, {"dropout": 0.01}), *condition(0.3, {})]
    found = told([*made, lost(["dropout"], 0.2)])
    assert found.ranking is None
    assert "dropout: nothing to compare in lr=0.3 (not run); its mean is over 2 conditions" in found.notes
    assert "dropout: diverged in lr=0.2 (seed 90): it is not called better over the conditions" in found.notes
    assert "baseline diverged in lr=0.2" in told([*made, lost([], 0.2)]).notes


def test_a_technique_without_a_rank_is_not_last_where_others_have_one() -> None:
    steps = [{"dropout": 0.01, "l2": 0.01}, {"dropout": 0.01, "l2": 0.01}, {"l2": 0.01}]
    made = [run for rate, step in zip(RATES[:3], steps, strict=True) for run in condition(rate, step)]
    found = told([*made, lost(["dropout"], 0.2), lost(["l2"], 0.1)])
    tail = "it is not called better over the conditions"
    assert f"dropout: diverged in lr=0.2 (seed 90): {tail}" in found.notes
    assert (
        "dropout: nothing to compare in lr=0.3 (not run); its mean is over 2 conditions; it is left out of "
        "the ranks" in found.notes
    )
    both = "it ranks last there, and is not called better over the conditions"
    assert f"l2: diverged in lr=0.1 (seed 90): {both}" in found.notes


def test_the_smallest_p_of_means_is_by_the_conditions_that_they_are_over() -> None:
    made = [*condition(0.1, {"dropout": 0.01}), *condition(0.2, {"dropout": 0.01}), *condition(0.3, {})]
    assert any(  # 2 / 2^2
        "with 1 technique and 2 conditions the smallest adjusted p is 0.5, above" in line
        for line in told(made).families
    )
    steps = [{"dropout": 0.01, "l2": 0.01}, {"dropout": 0.01, "l2": 0.01}, {"l2": 0.01}]
    more = [run for rate, step in zip(RATES[:3], steps, strict=True) for run in condition(rate, step)]
    assert any(  # l2 in three, dropout in two: 2 * 2 / 2^3
        "with 2 techniques and up to 3 conditions the smallest adjusted p is 0.5, above" in line
        for line in told(more).families
    )


def test_nothing_is_worse_than_a_baseline_that_diverged() -> None:
    rates = [place / 10 for place in range(1, 9)]
    lost = result([], 8, [], status="diverged", config={"train": {"lr": 0.8}})
    found = told([*runs(rates, {"dropout": [0.01] * 8, "l2": [-0.01] * 8}), lost])
    verdicts = {name: one(found, name).verdict for name in ("dropout", "l2")}
    assert {name: verdict and verdict.word for name, verdict in verdicts.items()} == {
        "dropout": "better",
        "l2": "not resolved",
    }


def test_stacks_are_the_same_by_their_values_and_told_apart_by_them() -> None:
    """In each condition alone dropout is called dropout, whatever its p."""
    half, less = (lambda rate, p: [
        result([member("dropout", p=p)], seed, [figures(value + 0.01)], config={"train": {"lr": rate}})
        for seed, value in enumerate(BASE)
    ] for _ in range(2))  # fmt: skip
    found = told([
        *condition(0.1, {"l2": 0.01}), *half(0.1, 0.5), *condition(0.2, {"l2": 0.01}), *less(0.2, 0.2),
    ])  # fmt: skip
    assert [technique.name for technique in found.techniques] == ["l2", "dropout p=0.2", "dropout p=0.5"]
    assert [cell.missing for cell in one(found, "dropout p=0.5").cells] == ["", "not run"]


def of_numbers(rate: float, unit: str, step: float, loss: str = "squared", root: str = "a") -> list[Result]:
    """Runs on numbers: an R2 and an RMSE."""
    targets = {"names": ["y"], "unit": unit, "mean": [0.0], "std": [1.0], "loss": loss}
    config = {"train": {"lr": rate}, "dataset": {"path": root}}
    made: list[Result] = []
    for stack, more in (([], 0.0), (["dropout"], step)):
        for seed, value in enumerate(BASE):
            measured = {"val/r2": value + more, "val/rmse": 1 - value - more, "val/loss": 1 - value - more}
            measured |= {"select/accuracy": value}
            made.append(result(stack, seed, [measured], config=config, targets=targets))
    return made


@pytest.mark.parametrize(
    ("metric", "first", "second", "why"),
    [
        (
            "val/rmse",
            ("EUR",),
            ("m",),
            "differences in val RMSE are not averaged: their scale is EUR in lr=0.1 and m in lr=0.2",
        ),
        ("val/rmse", ("EUR",), ("",), "EUR in lr=0.1 and a unit that nobody has said in lr=0.2"),
        ("val/rmse", ("",), ("", "b"), "nobody has said its unit, and lr=0.1 and lr=0.2 have other data"),
        ("val/rmse", ("EUR",), ("EUR", "b"), ""),
        ("val/rmse", ("",), ("",), ""),
        ("val/r2", ("EUR",), ("m", "b"), ""),
    ],
)
def test_errors_in_several_units_are_ranked_and_not_averaged(
    metric: str, first: tuple[str, ...], second: tuple[str, ...], why: str
) -> None:
    runs = [
        *of_numbers(0.1, first[0], 0.01),
        *of_numbers(0.2, second[0], 0.01, root=second[1] if len(second) > 1 else "a"),
    ]
    found = told(runs, metric=metric)
    assert why in found.unaveraged
    assert bool(found.unaveraged) == bool(why)
    dropout = one(found, "dropout")
    assert (dropout.mean is None, dropout.middle is None, dropout.verdict is None) == (bool(why),) * 3
    assert dropout.rank == 1.0
    assert dropout.counts["better"] == 2


def test_of_what_is_not_averaged_no_mean_is_told() -> None:
    runs = [*of_numbers(0.1, "EUR", 0.01), *of_numbers(0.2, "m", 0.01)]
    runs += [run for run in of_numbers(0.3, "m", 0.01) if "dropout" not in run.folder]
    found = told(runs, metric="val/rmse")
    assert "dropout: nothing to compare in lr=0.3 (not run)" in found.notes


def test_losses_of_two_kinds_are_not_averaged() -> None:
    found = told([*of_numbers(0.1, "", 0.01), *of_numbers(0.2, "", 0.01, loss="huber")], metric="val/loss")
    assert "their scale is squared loss in lr=0.1 and huber loss in lr=0.2" in found.unaveraged


def test_over_splits_the_cells_are_judged_as_compare_does_and_the_middle_has_no_interval() -> None:
    made = []
    for rate in RATES[:3]:
        for stack, step in (([], 0.0), (["dropout"], 0.02)):
            made += [
                result(
                    stack, seed, [figures(value + step + seed / 1000)],
                    config={"train": {"lr": rate}, "dataset": {"split_seed": seed}},
                )
                for seed, value in enumerate(BASE)
            ]  # fmt: skip
    found = told(made)
    dropout = one(found, "dropout")
    assert [cell.difference and cell.difference.n for cell in dropout.cells] == [8, 8, 8]
    assert dropout.middle is not None
    assert (dropout.middle.mean, dropout.middle.low) == (pytest.approx(0.02), None)
    assert found.families[0].startswith("each cell is judged in its condition by the resampled test")


def test_another_baseline_is_one_stack_in_all_conditions() -> None:
    found = told(runs(), baseline="dropout")
    assert found.baseline == "dropout"
    baseline: Any = one(found, "baseline").mean
    assert baseline.mean == pytest.approx(-0.018)


def test_each_statistic_has_a_sentence_on_its_family() -> None:
    cells, means, ranks, middles = told(runs()).families
    assert cells.startswith("each cell is judged in its condition by the fixed test")
    assert means.startswith("a mean counts each condition once")
    assert ranks.endswith("all pairs of arms are one family")
    assert middles.startswith("an interquartile mean is over the paired differences of all runs")
