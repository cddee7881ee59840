"""What is said of figures, differences and pairs, and what must not be said of them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.report import Comparison, Design, Difference, Interaction, Verdict
from regbench.analysis.words import probability
from regbench.records.metrics import NUMBERS, Terms
from regbench.records.reader import Found, Result
from regbench.reports.wording import about_pairs, limits, measured_on, said, sensitivity, together
from regbench.stats.paired_test import FIXED
from tests.records.made import figures, result

CLASSED, PRICED = Terms(), Terms(NUMBERS, "EUR")

HALF = 0.001  # of an interval


def of(mean: float, half: float | None = HALF) -> Difference:
    if half is None:
        return Difference(1, mean, None, None, None, "")
    return Difference(9, mean, 0.001, mean - half, mean + half, "t")


def pair(first: float, second: float, both: float, word: str, **changes: Any) -> Interaction:
    """Two members of these effects, alone and together."""
    half = changes.get("half", HALF)
    parts = [of(mean, half) for mean in (first, second, first + second, both, both - first - second)]
    verdict = Verdict(word, 0.004, changes.get("p", 0.004), None, changes.get("reason", ""))
    return Interaction(("a", "b"), list(range(parts[0].n)), *parts, verdict)


def compared(stacks: dict[str, list[Result]], **question: Any) -> Comparison:
    (one,) = report(
        Found([run for runs in stacks.values() for run in runs]), Question(**question)
    ).comparisons
    return one


@pytest.mark.parametrize(
    ("p", "shown"),
    [
        (None, "-"),
        (0.00009, "<0.0001"),
        (0.00049, "0.00049"),
        (0.0496, "0.05"),  # resolved, and 0.05 is
        (0.05, "0.05"),
        (103 / 2048, "0.0503"),  # 0.0502930
        (0.050001, "0.050001"),
        (0.054, "0.054"),
        (0.25, "0.25"),
        (0.999, "1"),
    ],
)
def test_no_p_reads_as_on_the_other_side_of_the_level(p: float | None, shown: str) -> None:
    assert probability(p) == shown


def test_a_pair_is_said_with_the_sum_of_each_alone() -> None:
    assert together("val/accuracy", pair(0.02, 0.01, 0.022, "overlap"), CLASSED) == (
        "a and b overlap: together +2.20 points [+2.10, +2.30], the sum of each alone +3.00 points "
        "[+2.90, +3.10], interaction -0.80 points [-0.90, -0.70], adjusted p 0.004"
    )


def test_a_pair_that_is_held_back_does_not_add_up() -> None:
    words = together(
        "val/accuracy", pair(0.02, 0.01, 0.02, "not resolved", reason="diverged with seed 9"), CLASSED
    )
    assert words.startswith("not resolved whether a and b add up: together ")
    assert words.endswith(", adjusted p 0.004, diverged with seed 9")
    close = pair(0.02, 0.01, 0.0305, "not resolved", reason="diverged with seed 9")
    assert together("val/accuracy", close, CLASSED).startswith("not resolved whether a and b add up: "), (
        "though its interval holds 0"
    )


@pytest.mark.parametrize(
    ("metric", "effects", "word", "head"),
    [
        ("val/accuracy", (0.02, 0.01, 0.05), "synergy", "a and b help each other: "),
        ("val/accuracy", (-0.03, -0.03, -0.04), "synergy", "a and b harm less than each alone adds up to: "),
        ("val/accuracy", (0.02, 0.02, 0.02), "overlap", "a and b overlap: "),
        ("val/accuracy", (0.005, 0.005, -0.05), "overlap", "a and b get in each other's way: "),
        ("val/accuracy", (-0.03, -0.03, 0.01), "synergy", "a and b help each other: "),
        ("val/loss", (0.3, 0.3, 0.4), "synergy", "a and b harm less than each alone adds up to: "),
        ("val/loss", (-0.3, -0.3, 0.1), "overlap", "a and b get in each other's way: "),
        ("val/loss", (-0.3, -0.3, -0.9), "synergy", "a and b help each other: "),
    ],
)
def test_what_harms_is_not_said_to_help(
    metric: str, effects: tuple[float, float, float], word: str, head: str
) -> None:
    assert together(metric, pair(*effects, word), CLASSED).startswith(head)


BETTER, WORSE = (f"a and b together are {word} than the sum of each alone: " for word in ("better", "worse"))


@pytest.mark.parametrize(
    ("metric", "effects", "half", "word", "head"),
    [
        ("val/accuracy", (0.02, -0.03, -0.035), 0.01, "overlap", WORSE),  # one harms: they do not do the same
        ("val/accuracy", (0.02, 0.005, 0.01), 0.006, "overlap", WORSE),  # the second: -0.001 to 0.011
        ("val/accuracy", (-0.01, -0.01, -0.03), 0.03, "overlap", WORSE),
        ("val/accuracy", (-0.02, -0.02, -0.02), 0.05, "synergy", BETTER),  # together from -0.07 to 0.03
        ("val/accuracy", (-0.0005, 0.0, -0.0001), 0.001, "synergy", BETTER),
        ("val/accuracy", (0.05, -0.03, 0.04), 0.001, "synergy", BETTER),  # less than the first alone
        ("val/loss", (-0.3, 0.3, 0.3), 0.1, "overlap", WORSE),
        ("val/loss", (0.3, 0.3, 0.1), 0.2, "synergy", BETTER),
        ("val/accuracy", (0.02, 0.02, 0.02), None, "overlap", WORSE),  # no intervals
    ],
)
def test_no_more_is_said_of_a_pair_than_intervals_bear_out(
    metric: str, effects: tuple[float, float, float], half: float | None, word: str, head: str
) -> None:
    assert together(metric, pair(*effects, word, half=half), CLASSED).startswith(head)


def test_that_a_pair_adds_up_is_never_claimed() -> None:
    wide = pair(0.01, 0.01, 0.02, "not resolved", p=0.4, half=0.3)  # -30 to +30 points
    assert together("val/accuracy", wide, CLASSED).startswith("not resolved whether a and b add up: ")
    far = pair(0.02, 0.02, 0.02, "not resolved", p=0.25)
    assert together("val/accuracy", far, CLASSED).startswith("not resolved whether a and b add up: ")
    single = pair(0.02, 0.01, 0.03, "not resolved", p=1.0, half=None)
    words = together("val/accuracy", single, CLASSED)
    assert words.startswith("not resolved whether a and b add up: together +3.00 points, ")
    assert words.endswith("interaction 0.00 points (no interval from 1 pair), adjusted p 1")


def test_what_the_pairs_could_have_found_is_said_after_them() -> None:
    design = Design(1, 3, 0.25, False, 6, "nothing can be resolved")
    one = pair(0.02, 0.02, 0.02, "not resolved", p=0.25)
    assert about_pairs("val/accuracy", [one], design, CLASSED) == [
        together("val/accuracy", one, CLASSED),
        design.sentence,
    ]
    assert about_pairs("val/accuracy", [], None, CLASSED) == []


def test_a_comparison_says_of_its_pairs_what_they_could_have_found() -> None:
    stacks: list[list[str]] = [[], ["dropout"], ["mixup"], ["dropout", "mixup"]]
    step = [0.0, 0.02, 0.02, 0.02]
    runs = {
        str(s): [result(s, seed, [figures(0.9 + d)]) for seed in range(3)]
        for s, d in zip(stacks, step, strict=True)
    }
    lines = said(compared(runs, test=FIXED))
    (place,) = [
        k
        for k, line in enumerate(lines)
        if line.startswith("not resolved whether dropout and mixup add up: ")
    ]
    assert lines[place + 1] == (
        "nothing can be resolved: with 1 interaction and 3 pairs the smallest adjusted p is 0.25, "
        "above 0.05; 6 seeds would do"
    )


def test_what_would_have_been_resolved_is_a_range_where_it_differs() -> None:
    known = [Verdict("better", 0.01, 0.01, value) for value in (0.003, 0.001, None)]
    tail = "would have been resolved four times in five"
    assert limits(None, known, "val/accuracy", CLASSED) == [f"differences of 0.10 to 0.30 points {tail}"]
    assert limits(None, known[:1], "val/loss", CLASSED) == [f"a difference of 0.0030 nats {tail}"]
    assert limits(None, known[2:], "val/loss", CLASSED) == []


def test_what_is_measured_on_test_or_on_corrupted_rows_is_not_said_to_be_on_this_validation_split() -> None:
    draw = random.Random(0)
    base = [draw.uniform(0.85, 0.95) for _ in range(6)]

    def runs(stack: list[str], step: float) -> list[Result]:
        made = []
        for seed, value in enumerate(base):
            test = {at: {"accuracy": value + step, "loss": 1.0} for at in ("last", "best")} | {"reads": 1}
            harder = {at: {"accuracy": value + step - 0.2} for at in ("last", "best")}
            made.append(result(stack, seed, [figures(value)], test=test, corruption=harder))
        return made

    stacks = {"none": runs([], 0), "dropout": runs(["dropout"], 0.01)}
    split = {
        metric: any("validation split" in line for line in sensitivity(compared(stacks, metric=metric)))
        for metric in ("val/accuracy", "val/loss", "test/accuracy", "corruption/accuracy")
    }
    assert split == {
        "val/accuracy": True,
        "val/loss": True,
        "test/accuracy": False,
        "corruption/accuracy": False,
    }


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [
        (1.0, "the baseline has all right: of other rows like these up to about 1.00 % may be wrong"),
        (0.0, "the baseline has none right: of other rows like these up to about 1.00 % may be right"),
    ],
)
def test_an_accuracy_of_all_rows_or_none_has_no_standard_error_of_0(accuracy: float, words: str) -> None:
    """Of 299 rows: 3 / 299 is 1.00 %."""
    stacks = {
        "none": [result([], seed, [figures(accuracy)]) for seed in range(3)],
        "dropout": [result(["dropout"], seed, [figures(0.5)]) for seed in range(3)],
    }
    lines = sensitivity(compared(stacks))
    tail = f"{words} (rule of three, 95 %)"
    assert f"all of it on this validation split, of whose 299 rows {tail}" in lines
    assert not any("standard error" in line for line in lines)


def test_each_metric_is_of_rows_of_its_own() -> None:
    assert measured_on("val/loss") == "this validation split"
    assert measured_on("test/loss") == "the test split"
    assert measured_on("corruption/accuracy") == "corrupted rows of this validation split"


def test_an_axis_has_a_metric_with_its_unit_in_brackets_and_a_difference_in_points() -> None:
    assert [CLASSED.with_unit(metric) for metric in ("val/accuracy", "val/loss", "val/brier")] == [
        "val accuracy (%)",
        "val NLL (nats)",
        "val Brier",
    ]
    assert CLASSED.with_unit("val/accuracy", difference=True) == "val accuracy (points)"
