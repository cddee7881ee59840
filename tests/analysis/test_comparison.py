"""Groups, pairs, figures and verdicts of runs whose figures are known."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from regbench.analysis.choosing import one_rate
from regbench.analysis.cohorts import cohorts
from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.report import Arm, Comparison, Report
from regbench.analysis.verdicts import design, judge_of
from regbench.records.metrics import NUMBERS, Terms
from regbench.records.reader import Found, Result
from regbench.stats.paired_test import FIXED, SEQUENTIAL
from tests.records.made import figures, member, result

BASE = [0.90, 0.91, 0.89, 0.92, 0.90, 0.91, 0.88, 0.90]


def runs(stack: Any, accuracies: list[float], **changes: Any) -> list[Result]:
    return [result(stack, seed, [figures(value)], **changes) for seed, value in enumerate(accuracies)]


def reported(*several: list[Result], **question: Any) -> Report:
    return report(Found(list(itertools.chain(*several))), Question(**question))


def compared(*several: list[Result], **question: Any) -> Comparison:
    (one,) = reported(*several, **question).comparisons
    return one


def arm(comparison: Comparison, name: str) -> Arm:
    (one,) = [arm for arm in comparison.arms if arm.name == name]
    return one


def plus(step: float, accuracies: list[float] = BASE) -> list[float]:
    return [value + step for value in accuracies]


def test_curves_of_fewer_rows_than_the_figures_are_told() -> None:
    few = {"curve_rows": {"train": 150, "select": 299, "val": 150}}
    (said,) = [
        one for one in compared(runs([], BASE, **few), runs(["dropout"], BASE, **few)).notes if "rows" in one
    ]
    assert said.startswith("curves are of 150 of the 299 rows of val")
    (said,) = [one for one in compared(runs([], BASE), runs(["dropout"], BASE, **few)).notes if "rows" in one]
    assert said.startswith(
        "curves are not of the same rows in all runs: after an epoch 150 or 299 rows of val"
    )
    assert not [one for one in compared(runs([], BASE), runs(["dropout"], BASE)).notes if "rows" in one]


def test_runs_that_chose_by_fewer_rows_are_another_comparison() -> None:
    capped = {"config": {"train": {"evaluate_rows": 100}}}
    plain = {"config": {"train": {"evaluate_rows": "auto"}}}
    found = reported(runs([], BASE, **plain), runs(["dropout"], BASE), runs(["mixup"], BASE, **capped))
    assert [len(one.arms) for one in found.comparisons] == [1, 2] or [
        len(one.arms) for one in found.comparisons
    ] == [2, 1]


def test_a_technique_that_always_helps_is_better_and_one_that_always_harms_worse() -> None:
    found = compared(runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], plus(-0.01)), test=FIXED)
    assert [one.name for one in found.arms] == ["baseline", "dropout", "mixup"]
    assert [one.verdict and one.verdict.word for one in found.arms] == [None, "better", "worse"]
    verdict = arm(found, "dropout").verdict
    assert verdict is not None
    assert verdict.p == pytest.approx(2 / 2**8)  # all eight of one sign: two of 256 patterns
    assert verdict.p_adjusted == pytest.approx(4 / 2**8)
    assert arm(found, "dropout").differences["val/accuracy"].mean == pytest.approx(0.02)
    assert found.design is not None
    assert (found.design.techniques, found.design.pairs, found.design.resolves) == (2, 8, True)


# --- the sequential test: of n differences that are alike E is 1, 1.79, 3.34, 6.25, 11.67, 21.79 (n = 6),
# 40.70, 76.12 (n = 8), 142.6, 267.7 (n = 10), by the definition in tests/stats/test_sequential.py; p is 1 / E


def test_verdicts_are_by_the_test_that_may_be_looked_at_unless_told() -> None:
    found = compared(runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], plus(-0.01)))
    assert [one.verdict and one.verdict.word for one in found.arms] == [None, "better", "worse"]
    verdict, known = arm(found, "dropout").verdict, arm(found, "dropout").differences["val/accuracy"]
    assert verdict is not None
    assert (verdict.p, verdict.p_adjusted) == (pytest.approx(1 / 76.12, 1e-3), pytest.approx(2 / 76.12, 1e-3))
    assert known.method == "sequence"
    assert found.judge is not None
    assert (found.judge.test, found.judge.margin) == ("sequential", None)
    assert found.judge.sentence == SEQUENTIAL.sentence
    assert "however often one looks" in found.judge.sentence


def test_six_seeds_are_the_least_that_resolve_one_technique_and_five_give_no_interval() -> None:
    for count, p, word in ((5, 1 / 11.67, "not resolved"), (6, 1 / 21.79, "better")):
        found = compared(runs([], BASE[:count]), runs(["dropout"], plus(0.02)[:count]))
        verdict, known = arm(found, "dropout").verdict, arm(found, "dropout").differences["val/accuracy"]
        assert verdict is not None
        assert (verdict.word, verdict.p) == (word, pytest.approx(p, 1e-3))
        assert (known.low is None, known.method) == ((True, "") if count == 5 else (False, "sequence"))
        assert found.design is not None
        assert (found.design.resolves, found.design.seeds_needed) == (count == 6, 6)


def test_ten_techniques_take_ten_seeds() -> None:
    techniques = [runs([member("dropout", p=k / 100)], plus(0.02)) for k in range(1, 11)]
    design_of_eight = compared(runs([], BASE), *techniques).design
    assert design_of_eight is not None
    assert not design_of_eight.resolves
    assert design_of_eight.sentence.endswith("above 0.05; 10 seeds would do")


def test_seeds_count_by_their_numbers_whatever_came_first() -> None:
    late = plus(0.02, BASE[:6]) + plus(-0.02, BASE[6:])
    found = [
        compared(runs([], BASE), order) for order in (runs(["dropout"], late), runs(["dropout"], late)[::-1])
    ]
    assert found[0] == found[1]
    verdict = arm(found[0], "dropout").verdict
    assert verdict is not None
    differences = [x - y for x, y in zip(late, BASE, strict=True)]
    assert verdict.p == pytest.approx(1 / 21.79, 1e-3), "of the first six"
    assert SEQUENTIAL.p(differences[::-1]) > 0.1


def test_a_seed_that_is_late_is_waited_for_where_the_order_counts() -> None:
    some = runs(["dropout"], plus(0.02))
    late, first, last = some[:3] + some[4:], some[1:], some[:-1]
    verdict = arm(compared(runs([], BASE), late), "dropout").verdict
    assert verdict is not None
    assert (verdict.word, verdict.reason) == ("not resolved", "seed 3 must come before later ones")
    assert verdict.p_adjusted == pytest.approx(1 / 40.70, 1e-3)
    for others in (first, last):  # no order of those that are there will change
        assert arm(compared(runs([], BASE), others), "dropout").verdict.word == "better"  # type: ignore[union-attr]
    fixed = compared(runs([], BASE), late, test=FIXED)
    assert arm(fixed, "dropout").verdict.word == "better"  # type: ignore[union-attr]
    lost = [result(["dropout"], 3, status="diverged", last=None, best=None)]
    bad = compared(runs([], plus(0.04)), late, lost)  # it will never come
    assert arm(bad, "dropout").verdict.word == "worse"  # type: ignore[union-attr]


def test_what_is_sure_to_lie_within_the_margin_makes_no_difference_that_matters() -> None:
    steps = [0.0005, -0.0005, 0.001, -0.001, 0.0, 0.0005, -0.001, 0.0005, 0.001, -0.0005, 0.0, -0.0005]
    base = [0.9] * 12
    alike = [a + b for a, b in zip(base, steps, strict=True)]

    def word(margin: float | None, values: list[float], **asked: Any) -> str:
        verdict = arm(
            compared(runs([], base), runs(["dropout"], values), margin=margin, **asked), "dropout"
        ).verdict
        assert verdict is not None
        return verdict.word

    ends = SEQUENTIAL.interval(steps, 0.05)
    assert ends is not None
    reach = max(-ends.low, ends.high)
    assert word(reach + 1e-6, alike) == "no difference that matters"
    assert word(reach - 1e-6, alike) == "not resolved"
    assert word(None, alike) == "not resolved"
    assert word(0.05, [value + 0.02 for value in alike]) == "better", "it is resolved, small as it is"
    assert word(0.05, alike, test=FIXED) == "no difference that matters"
    assert word(0.05, base[:3], test=FIXED) == "not resolved", "three differences of 0 prove nothing"


def test_of_several_techniques_the_interval_within_the_margin_holds_all_of_them() -> None:
    steps = [0.0005, -0.0005, 0.001, -0.001, 0.0, 0.0005, -0.001, 0.0005, 0.001, -0.0005, 0.0, -0.0005]
    one, five = (SEQUENTIAL.interval(steps, 0.05 / count) for count in (1, 5))
    assert one is not None
    assert five is not None
    margin = (max(-one.low, one.high) + max(-five.low, five.high)) / 2
    values = [0.9 + step for step in steps]
    several = [runs([member("dropout", p=k / 100)], values) for k in range(1, 6)]
    for some, word in ((several[:1], "no difference that matters"), (several, "not resolved")):
        found = compared(runs([], [0.9] * 12), *some, margin=margin)
        assert {arm.verdict.word for arm in found.arms if arm.verdict} == {word}


@pytest.mark.parametrize(
    ("metric", "margin", "terms", "words"),
    [
        ("val/accuracy", 0.003, Terms(), "0.30 points"),
        ("val/rmse", 5000.0, Terms(NUMBERS, "EUR"), "5000.0 EUR"),
        ("val/r2", 0.02, Terms(NUMBERS, "EUR"), "0.0200"),
    ],
)
def test_a_margin_is_said_in_the_unit_of_what_is_predicted(
    metric: str, margin: float, terms: Terms, words: str
) -> None:
    assert judge_of(Question(metric, margin=margin), terms).sentence.endswith(
        f"at 95 %, lies within {words} of 0"
    )


def test_no_difference_that_matters_is_not_said_where_a_seed_of_either_diverged() -> None:
    for stack, reason in ((["dropout"], "diverged with seed 9"), ([], "baseline diverged with seed 9")):
        bad = [result(stack, 9, status="diverged", last=None, best=None)]
        found = compared(runs([], BASE), runs(["dropout"], BASE), bad, margin=0.01)
        verdict = arm(found, "dropout").verdict
        assert verdict is not None
        assert (verdict.word, verdict.reason) == ("not resolved", reason)


def test_what_rounding_leaves_of_an_interaction_of_nothing_is_no_synergy() -> None:
    # a sum that is 0 but for rounding, which has the same sign at every seed
    found = compared(
        runs([], [0.1] * 8), runs(["dropout"], [0.2] * 8), runs(["mixup"], [0.2] * 8),
        runs(["dropout", "mixup"], [0.3] * 8),
    )  # fmt: skip
    (pair,) = found.interactions
    assert (0.3 - 0.1) - ((0.2 - 0.1) + (0.2 - 0.1)) != 0
    assert (pair.interaction.mean, pair.verdict.word, pair.verdict.p) == (0, "not resolved", 1)


def test_the_more_techniques_the_more_seeds_it_takes() -> None:
    techniques = [runs([member("dropout", p=k / 100)], plus(0.02)) for k in range(1, 11)]
    found = compared(runs([], BASE), *techniques, test=FIXED)
    assert {one.verdict.word for one in found.arms if one.verdict} == {"not resolved"}
    assert found.design is not None
    assert not found.design.resolves
    assert found.design.smallest_p == pytest.approx(10 / 128)
    assert found.design.seeds_needed == 9
    assert "nothing can be resolved" in found.design.sentence
    assert "9 seeds would do" in found.design.sentence


def test_differences_are_taken_by_seed_whatever_the_seeds_differ_in() -> None:
    offsets = [0.0, 0.3, -0.4, 0.2, 0.1, -0.2, 0.25, -0.35]
    base = [0.5 + offset for offset in offsets]
    found = compared(runs([], base), runs(["dropout"], plus(0.001, base)))
    difference = arm(found, "dropout").differences["val/accuracy"]
    assert (difference.mean, difference.sd) == (pytest.approx(0.001), pytest.approx(0, abs=1e-12))
    assert arm(found, "dropout").verdict.word == "better"  # type: ignore[union-attr]


def test_only_seeds_that_both_have_are_paired_and_the_others_are_named() -> None:
    found = compared(runs([], BASE[:6]), runs(["dropout"], plus(0.02)[2:7]))
    dropout, baseline = arm(found, "dropout"), arm(found, "baseline")
    assert (dropout.seeds, dropout.paired, dropout.missing) == ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [5])
    assert baseline.missing == []
    assert any(note == "dropout: no finished run with seed 5" for note in found.notes)


def test_the_design_is_as_good_as_its_largest_number_of_pairs_and_names_who_has_too_few() -> None:
    found = compared(
        runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], BASE[:3]), runs(["l2"], BASE[:3]),
        test=FIXED,
    )  # fmt: skip
    assert found.design is not None
    assert (found.design.pairs, found.design.resolves) == (8, True)
    assert found.design.smallest_p == pytest.approx(3 / 128)  # three techniques times 2^(1 - 8)
    assert found.design.sentence == (
        "with 3 techniques and up to 8 pairs the smallest adjusted p is 0.023; "
        "l2, mixup, with 3 pairs each, cannot be resolved"
    )
    assert arm(found, "dropout").verdict.word == "better"  # type: ignore[union-attr]
    assert arm(found, "mixup").verdict.resolvable is None  # type: ignore[union-attr]


def test_who_can_be_resolved_once_the_others_are_is_not_called_hopeless() -> None:
    found = compared(
        runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], plus(0.02)[:6]), test=FIXED
    )
    assert arm(found, "mixup").verdict.p_adjusted == pytest.approx(1 / 32)  # type: ignore[union-attr]
    assert arm(found, "mixup").verdict.word == "better"  # type: ignore[union-attr]
    assert found.design is not None
    assert "cannot be resolved" not in found.design.sentence


def test_beyond_20_pairs_the_smallest_p_is_that_of_the_random_flips() -> None:
    known = design({"a": [0.1] * 20, "b": [0.1] * 25}, FIXED)
    assert known is not None
    assert known.smallest_p == pytest.approx(2 / 2**19)  # 25 pairs alone would have 2 / 100,001
    assert known.pairs == 25


def test_where_no_one_has_enough_pairs_the_seeds_that_would_do_are_named() -> None:
    found = compared(
        runs([], BASE[:4]), runs(["dropout"], plus(0.02)[:4]), runs(["mixup"], BASE[:2]), test=FIXED
    )
    assert found.design is not None
    assert found.design.sentence == (
        "nothing can be resolved: with 2 techniques and up to 4 pairs the smallest adjusted p is 0.25, "
        "above 0.05; 7 seeds would do"
    )


def test_the_smallest_p_is_not_rounded_to_the_other_side_of_the_level() -> None:
    known = design({str(number): [0.1] * 12 for number in range(103)}, FIXED)
    assert known is not None
    assert not known.resolves
    assert "the smallest adjusted p is 0.0503, above 0.05" in known.sentence  # 103 / 2048


def test_a_stack_with_a_diverged_seed_is_never_better() -> None:
    bad = [result(["dropout"], 8, status="diverged", last=None, best=None)]
    found = compared(runs([], plus(0, [*BASE, 0.9])), runs(["dropout"], plus(0.02)), bad, test=FIXED)
    verdict = arm(found, "dropout").verdict
    assert verdict is not None
    assert verdict.word == "not resolved"
    assert verdict.p_adjusted == pytest.approx(2 / 256)
    assert verdict.reason == "diverged with seed 8"
    assert "dropout: diverged with seed 8" in found.notes


def test_a_seed_that_diverged_once_stays_diverged_when_a_later_try_finished() -> None:
    bad = [result(["dropout"], 0, status="diverged", last=None, best=None)]
    found = compared(runs([], BASE), runs(["dropout"], plus(0.02)), bad)
    assert arm(found, "dropout").verdict.word == "not resolved"  # type: ignore[union-attr]
    assert arm(found, "dropout").seeds == list(range(8))


def test_a_stack_with_a_diverged_seed_may_be_worse() -> None:
    bad = [result(["dropout"], 8, status="diverged", last=None, best=None)]
    found = compared(runs([], plus(0, [*BASE, 0.9])), runs(["dropout"], plus(-0.02)), bad)
    assert arm(found, "dropout").verdict.word == "worse"  # type: ignore[union-attr]


def test_nothing_is_worse_than_a_baseline_of_which_a_seed_diverged() -> None:
    bad = [result(["dropout"], 8, status="diverged", last=None, best=None)]
    strong = compared(runs([], BASE), runs(["dropout"], plus(0.02)), bad, baseline="dropout", test=FIXED)
    verdict = arm(strong, "baseline").verdict
    assert verdict is not None
    assert (verdict.word, verdict.reason) == ("not resolved", "dropout diverged with seed 8")
    assert verdict.p_adjusted == pytest.approx(2 / 256)
    weak = compared(runs([], BASE), runs(["dropout"], plus(-0.02)), bad, baseline="dropout")
    assert arm(weak, "baseline").verdict.word == "better"  # type: ignore[union-attr]


def test_of_two_runs_of_a_stack_and_seed_the_newer_counts_once() -> None:
    newer = result([], 0, [figures(0.5)], ended="2026-12-01T00:00:00.000000+00:00")
    found = reported([newer], runs([], BASE), runs(["dropout"], BASE))
    (one,) = found.comparisons
    assert arm(one, "baseline").seeds == list(range(8))
    assert arm(one, "baseline").runs[0].figures["val/accuracy"] == 0.5
    (duplicate,) = found.duplicates
    assert duplicate.folder == "baseline_seed0"


def sealed(reads: int) -> dict[str, Any]:
    """What a run has that read test so often."""
    return read_test(0.9) | {"reads": reads}


def test_readings_of_runs_that_do_not_count_are_told() -> None:
    """Of an older run of the same stack and seed, and of one that diverged."""
    old = replace(
        result([], 0, [figures(0.9)], test=sealed(3), ended="2020-01-01T00:00:00.000000+00:00"), folder="old"
    )
    gone = replace(result(["dropout"], 9, [figures(0.1)], status="diverged", test=sealed(1)), folder="gone")
    counts = result(["mixup"], 0, [figures(0.9)], test=sealed(2))
    (found,) = reported([old, gone, counts], runs([], BASE), runs(["dropout"], BASE)).comparisons
    assert arm(found, "baseline").test_reads == 0
    assert (
        "the test split was read by 2 runs not counted here: gone (1 reading), old (3 readings)"
        in found.notes
    )


def test_readings_at_values_that_were_not_chosen_are_told() -> None:
    low = runs([], plus(0.02), config={"train": {"lr": 0.1}})
    high = runs([], BASE, config={"train": {"lr": 0.3}}, test=sealed(1))[:1]
    high = [replace(one, folder="high") for one in high]
    told = "the test split was read by 1 run not counted here: high (1 reading)"
    (best,) = reported(low, high, best_of=("train.lr",)).comparisons
    assert told in best.notes
    assert not any(told in one.notes for one in reported(low, high).comparisons), "there it counts"


def test_runs_that_differ_in_anything_else_are_separate_comparisons() -> None:
    wide = {"model": {"width": 1024}}
    found = reported(
        runs([], BASE),
        runs(["dropout"], BASE),
        runs([], BASE, config=wide),
        runs(["dropout"], BASE, config=wide),
    )
    assert [one.name for one in found.comparisons] == [
        "digits mlp model.width=1024",
        "digits mlp model.width=512",
    ]
    assert [one.differs for one in found.comparisons] == [{"model.width": 1024.0}, {"model.width": 512.0}]
    assert all(len(one.arms) == 2 for one in found.comparisons)


def test_comparisons_stand_in_the_order_of_their_names() -> None:
    def of(dataset: str, width: int) -> list[Result]:
        choices = {"model": "mlp", "dataset": dataset}
        return runs([], BASE, choices=choices, config={"model": {"width": width}})

    found = reported(of("digits", 8), of("cifar10", 9))
    assert [one.name for one in found.comparisons] == [
        "cifar10 mlp model.width=9",
        "digits mlp model.width=8",
    ]
    assert [one.name for one in reported(of("digits", 9), of("cifar10", 8)).comparisons] == [
        "cifar10 mlp model.width=8",
        "digits mlp model.width=9",
    ]


def test_stacks_of_the_same_members_are_told_apart_by_the_values_that_differ() -> None:
    low, high = ([member("dropout", p=p, mode="inverted"), "mixup"] for p in (0.2, 0.5))
    found = compared(runs([], BASE), runs(low, BASE), runs(high, BASE), runs(["mixup"], BASE))
    names = {one.name for one in found.arms}
    assert names == {"baseline", "mixup", "dropout+mixup dropout.p=0.2", "dropout+mixup dropout.p=0.5"}


def test_another_stack_may_be_the_baseline() -> None:
    found = compared(
        runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], plus(0.05)), baseline="dropout"
    )
    assert found.baseline == found.arms[0].name == "dropout"
    assert arm(found, "mixup").differences["val/accuracy"].mean == pytest.approx(0.03)
    assert arm(found, "baseline").verdict.word == "worse"  # type: ignore[union-attr]


def test_without_a_baseline_there_are_figures_and_no_verdicts() -> None:
    found = compared(runs(["dropout"], BASE), runs(["mixup"], BASE))
    assert found.baseline is None
    assert all(one.differences == {} for one in found.arms)
    assert found.notes[0] == "there is no baseline: the empty stack is not there, so there are no differences"
    assert all(one.verdict is None for one in found.arms)
    assert found.design is None


def test_a_smaller_loss_is_better() -> None:
    found = compared(runs([], BASE), runs(["dropout"], plus(0.02)), metric="val/loss")
    assert arm(found, "dropout").differences["val/loss"].mean == pytest.approx(-0.02)
    assert arm(found, "dropout").verdict.word == "better"  # type: ignore[union-attr]


def test_a_metric_that_one_arm_lacks_leaves_it_without_a_verdict_and_says_so() -> None:
    bare = [{k: v for k, v in figures(a).items() if k != "val/ece"} for a in BASE]
    lacking = [result(["dropout"], seed, [one]) for seed, one in enumerate(bare)]
    found = compared(runs([], BASE), lacking, runs(["mixup"], BASE), metric="val/ece")
    assert arm(found, "dropout").verdict.p is None  # type: ignore[union-attr]
    assert found.design is not None
    assert found.design.techniques == 1
    assert "dropout: val/ece was not measured with seed 0, 1, 2, 3, 4, 5, 6, 7" in found.notes


def read_test(accuracy: float) -> dict[str, Any]:
    measured = {"accuracy": accuracy, "loss": 1 - accuracy}
    return {"last": measured, "best": measured, "reads": 1}


def test_figures_of_fewer_seeds_are_noted_in_one_line_for_each_split() -> None:
    def mixed(stack: Any) -> list[Result]:
        bare = [
            {name: v for name, v in figures(a).items() if name not in ("val/ece", "val/brier")} for a in BASE
        ]
        return [
            result(stack, seed, [figures(a) if seed < 3 else bare[seed]],
                   test=read_test(a) if seed < 2 else None,
                   corruption={at: {"accuracy": 0.5} for at in ("last", "best")} if seed == 5 else None)
            for seed, a in enumerate(BASE)
        ]  # fmt: skip

    found = compared(runs([], BASE, test=read_test(0.9)), mixed(["dropout"]))
    assert found.notes == [
        "dropout: corruption was measured with 1 of 8 seeds; its figures are of this one",
        "dropout: test was read with 2 of 8 seeds; its figures are of these",
        "dropout: val/brier, val/ece were measured with 3 of 8 seeds; their figures are of these",
        *one_rate({"train.lr": 0.1}),
    ]


def test_figures_of_the_same_seeds_of_a_run_with_all_are_not_noted() -> None:
    notes = compared(runs([], BASE, test=read_test(0.9)), runs(["dropout"], BASE)).notes
    assert notes == one_rate({"train.lr": 0.1})


def test_all_figures_are_of_one_snapshot() -> None:
    curve = [figures(0.80, train=0.9, select=0.95), figures(0.70, train=1.0, select=0.6)]
    kept = {"epoch": 1, "metrics": figures(0.85, train=0.86)}
    alone = [result([], 0, curve)]
    stopped = [result(["early_stopping"], 0, curve, kept=kept)]
    tested = {"last": {"accuracy": 0.1, "loss": 3.0}, "best": {"accuracy": 0.2, "loss": 2.0}, "reads": 3}
    read = [result(["mixup"], 0, curve, test=tested)]
    last, best = (compared(alone, stopped, read, at=at) for at in ("last", "best"))

    def mean(comparison: Comparison, name: str, figure: str) -> float:
        return arm(comparison, name).figures[figure].mean

    assert mean(last, "baseline", "val/accuracy") == 0.70
    assert mean(last, "baseline", "gap/accuracy") == pytest.approx(0.3)
    assert mean(best, "baseline", "val/accuracy") == 0.80
    assert mean(best, "baseline", "gap/accuracy") == pytest.approx(0.1)
    assert mean(best, "baseline", "epoch") == 1
    assert mean(last, "early_stopping", "val/accuracy") == 0.85
    assert mean(last, "early_stopping", "train/accuracy") == 0.86
    assert (mean(last, "mixup", "test/accuracy"), mean(best, "mixup", "test/accuracy")) == (0.1, 0.2)
    assert arm(last, "mixup").test_reads == 3


def test_cost_is_the_median_of_the_pairs_in_multiples_of_the_baselines() -> None:
    base = [result([], seed, [figures(0.9)], seconds=s) for seed, s in enumerate([1.0, 2.0, 4.0])]
    slow = [result(["sam"], seed, [figures(0.9)], seconds=s) for seed, s in enumerate([2.0, 4.4, 100.0])]
    assert arm(compared(base, slow), "sam").cost["seconds"] == pytest.approx(2.2)


def test_operations_are_a_cost() -> None:
    totals = {"a": [1e9, 2e9, 1e9], "b": [3e9, 5e9, 7e9]}  # 3, 2.5 and 7 times
    base, more = (
        [result(stack, seed, [figures(0.9)], flops={"per_example": 1.0, "total": total})
         for seed, total in enumerate(totals[name])]
        for name, stack in (("a", []), ("b", ["sam"]))
    )  # fmt: skip
    cost = arm(compared(base, more), "sam").cost
    assert cost == pytest.approx({"seconds": 1.0, "examples_per_s": 1.0, "flops": 3.0})


def test_the_interaction_is_what_the_pair_does_beyond_the_sum_of_its_members() -> None:
    found = compared(
        runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], plus(0.01)),
        runs(["dropout", "mixup"], plus(0.022)), test=FIXED,
    )  # fmt: skip
    (pair,) = found.interactions
    assert pair.members == ("dropout", "mixup")
    assert pair.seeds == list(range(8))
    means = [one.mean for one in (pair.first, pair.second, pair.summed, pair.together, pair.interaction)]
    assert means == pytest.approx([0.02, 0.01, 0.03, 0.022, -0.008])
    assert (pair.verdict.word, pair.verdict.p) == ("overlap", pytest.approx(2 / 256))
    helped = compared(
        runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], plus(0.01)),
        runs(["mixup", "dropout"], plus(0.05)),
    )  # fmt: skip
    assert [(one.members, one.verdict.word) for one in helped.interactions] == [
        (("mixup", "dropout"), "synergy")
    ]


def test_a_pair_of_which_a_seed_diverged_has_no_verdict_on_its_interaction() -> None:
    found = compared(
        runs([], BASE), runs(["dropout"], plus(0.02)), runs(["mixup"], plus(0.01)),
        runs(["dropout", "mixup"], plus(0.05)),
        [result(["mixup"], 9, status="diverged", last=None, best=None)],
    )  # fmt: skip
    (pair,) = found.interactions
    assert (pair.verdict.word, pair.verdict.reason) == ("not resolved", "diverged with seed 9")


def test_what_the_tests_of_interactions_can_find_is_a_family_of_its_own() -> None:
    stacks = [[], ["dropout"], ["mixup"], ["dropout", "mixup"]]
    found = compared(*(runs(stack, plus(0.02)[:3]) for stack in stacks), test=FIXED)
    known = found.interactions_design
    assert known is not None
    assert (known.techniques, known.pairs, known.resolves, known.seeds_needed) == (1, 3, False, 6)
    assert known.smallest_p == pytest.approx(1 / 4)
    assert known.sentence.startswith("nothing can be resolved: with 1 interaction and 3 pairs")
    assert compared(*(runs(stack, BASE) for stack in stacks[:3])).interactions_design is None


def test_a_pair_with_too_few_seeds_is_named_by_both_members() -> None:
    pairs = {("dropout", "mixup"): 8, ("dropout", "l2"): 2}
    alone = [runs(stack, BASE) for stack in ([], ["dropout"], ["mixup"], ["l2"])]
    found = compared(*alone, *(runs([*both], BASE[:count]) for both, count in pairs.items()), test=FIXED)
    assert found.interactions_design is not None
    assert found.interactions_design.sentence == (
        "with 2 interactions and up to 8 pairs the smallest adjusted p is 0.016; "
        "dropout and l2, with 2 pairs, cannot be resolved"
    )


def test_members_of_other_values_are_no_pair() -> None:
    found = compared(
        runs([], BASE), runs(["dropout"], BASE), runs(["mixup"], BASE),
        runs([member("dropout", p=0.1), "mixup"], BASE),
    )  # fmt: skip
    assert found.interactions == []


def test_differing_versions_devices_and_threads_are_noted() -> None:
    other = runs(["dropout"], BASE)
    other = [
        type(one)(**{**vars(one), "environment": {"threads": 2, "packages.torch": "3"}}) for one in other
    ]
    found = compared(runs([], BASE), other)
    assert "threads differs: 1 (8 runs); 2 (8 runs)" in found.notes
    assert "torch differs: 2.14 (8 runs); 3 (8 runs)" in found.notes
    assert found.environment["threads"] == ["1", "2"]


def test_curves_end_where_the_first_seed_ends() -> None:
    long, short = [figures(a) for a in (0.5, 0.6, 0.7)], [figures(a) for a in (0.7, 0.8)]
    found = compared([result([], 0, long), result([], 1, short)])
    curve = found.arms[0].curves["val/accuracy"]
    assert curve.epochs == [1, 2]
    assert curve.mean == pytest.approx([0.6, 0.7])
    half = 12.706 * 0.1  # Student's t of one degree of freedom; two values 0.2 apart
    assert curve.high[0] - curve.mean[0] == pytest.approx(half, rel=1e-3)


def test_reliability_weighs_every_row_alike() -> None:
    one = {"count": [1, 3], "confidence": [0.2, 0.8], "accuracy": [0.0, 1.0]}
    two = {"count": [3, 0], "confidence": [0.4, None], "accuracy": [1 / 3, None]}
    found = compared([result([], seed, [figures(0.9)], reliability={"last": bins, "best": bins})
                      for seed, bins in enumerate((one, two))])  # fmt: skip
    pooled = found.arms[0].reliability
    assert pooled is not None
    assert pooled["confidence"] == pytest.approx([(0.2 + 3 * 0.4) / 4, 0.8])
    assert pooled["accuracy"] == pytest.approx([0.25, 1.0])
    assert pooled["share"] == pytest.approx([4 / 7, 3 / 7])


def test_the_split_itself_is_uncertain() -> None:
    found = compared(runs([], [0.9, 0.9]))
    assert found.sampling_error == pytest.approx((0.9 * 0.1 / 299) ** 0.5)
    assert found.seed_spread == 0.0


def test_the_order_of_the_results_changes_nothing() -> None:
    several = [*runs([], BASE), *runs(["dropout"], plus(0.01)), *runs(["mixup"], plus(-0.01))]
    assert report(Found(several), Question()) == report(Found(several[::-1]), Question())


def test_a_group_is_found_by_the_values_of_its_members() -> None:
    (cohort,), _ = cohorts([*runs([], BASE), *runs([member("l2", strength=1e-4)], BASE)])
    assert {group.name for group in cohort.groups} == {"baseline", "l2"}
