"""Runs whose seeds each have a split: compared over splits where that is one design, else told apart."""

from __future__ import annotations

import re
from typing import Any

import pytest

from regbench.analysis.across import across
from regbench.analysis.cohorts import Cohort, cohorts
from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.report import Comparison
from regbench.analysis.splits import EACH, SPLIT, follows, over_splits, share_of
from regbench.errors import ConfigError
from regbench.records.reader import Found, Result
from regbench.records.summary import PerSplit
from regbench.reports.wording import measured_on, said
from regbench.stats.paired_test import FIXED, resampled
from tests.records.made import figures, result

SEEDS = range(8)
SHARE = 299 / 1199  # of the rows that made runs have
STEPS = (0.02, 0.03, 0.01, 0.02, 0.04, 0.02, 0.03, 0.02)


def run(
    stack: str, seed: int, split: int, val: float = 0.8, config: dict[str, Any] | None = None, **changes: Any
) -> Result:
    config = {"dataset": {"split_seed": split}, **(config or {})}
    return result([stack] if stack else [], seed, [figures(val)], config=config, **changes)


def two_stacks(splits: dict[int, int], others: dict[int, int] | None = None) -> list[Result]:
    """The empty stack and dropout, each with its seeds and their splits."""
    made = [run("", seed, split) for seed, split in splits.items()]
    return made + [run("dropout", s, c, 0.8 + STEPS[s % 8]) for s, c in (others or splits).items()]


def sorted_out(runs: list[Result]) -> dict[str, Cohort]:
    made, duplicates = cohorts(over_splits(runs))
    assert not duplicates
    return {one.name: one for one in made}


def compared(runs: list[Result], **question: Any) -> list[Comparison]:
    return report(Found(runs), Question(**question)).comparisons


def test_seeds_follow_splits_where_each_has_one_of_its_own() -> None:
    assert follows([(0, 0), (1, 1), (1, 1)])
    assert follows([(0, 7), (1, 3)])
    assert not follows([(0, 0)])
    assert not follows([(0, 0), (1, 0)])
    assert not follows([(0, 0), (0, 1)])


@pytest.mark.parametrize("step", [0, 5])
def test_a_split_for_each_seed_makes_one_comparison_by_the_corrected_test(step: int) -> None:
    (one,) = compared(two_stacks({seed: seed + step for seed in SEEDS}))
    assert (one.name, one.config[SPLIT]) == ("digits mlp", EACH)
    assert one.judge is not None
    assert one.judge.test == "resampled"
    assert one.judge.sentence == resampled(SHARE).sentence
    dropout = one.arms[1]
    assert dropout.paired == list(SEEDS)
    known = dropout.differences["val/accuracy"]
    wanted = resampled(SHARE).interval(STEPS, 0.05)
    assert wanted is not None
    assert (known.low, known.high, known.method) == pytest.approx(wanted)
    assert dropout.verdict is not None
    assert dropout.verdict.word == "better"
    assert dropout.verdict.p == pytest.approx(resampled(SHARE).p(STEPS))
    text = "\n".join(said(one))
    assert "verdicts are over splits: each seed has one of its own, of 1,199 rows of train and 299 of" in text
    assert "this validation split" not in text


def test_the_verdict_is_the_same_whether_the_number_of_seeds_was_chosen_beforehand() -> None:
    runs = two_stacks({seed: seed for seed in SEEDS})
    assert compared(runs) == compared(runs, test=FIXED)


def test_runs_of_one_split_say_that_they_hold_on_it_alone() -> None:
    (one,) = compared(two_stacks(dict.fromkeys(SEEDS, 3)))
    assert one.config[SPLIT] == 3
    assert one.judge is not None
    assert one.judge.test == "sequential"
    text = "\n".join(said(one))
    assert "all of it on this validation split, whose 299 rows alone leave" in text
    assert "over splits" not in text


def test_seeds_crossed_with_splits_are_a_comparison_for_each_split() -> None:
    runs = [run(stack, seed, cut) for stack in ("", "dropout") for seed in range(3) for cut in (0, 1)]
    made = sorted_out(runs)
    assert list(made) == ["digits mlp dataset.split_seed=0", "digits mlp dataset.split_seed=1"]
    assert all(len(group.results) == 3 for one in made.values() for group in one.groups)


def test_a_stack_with_other_splits_is_told_apart_and_this_is_said() -> None:
    made = compared(two_stacks({s: s for s in range(4)}, {s: s + 1 for s in range(4)}))
    assert len(made) == 5
    assert not any(arm.paired for one in made for arm in one.arms[1:])
    notes = [note for one in made for note in one.notes if note.startswith(f"told apart by {SPLIT}")]
    assert len(notes) == 5


def test_seeds_that_share_a_split_are_told_apart_from_those_that_have_their_own() -> None:
    splits = {0: 9, 1: 9, 2: 9, 3: 3, 4: 4, 5: 5}
    made = sorted_out(two_stacks(splits))
    seeds = {name: [sorted(group.results) for group in one.groups] for name, one in made.items()}
    assert seeds == {
        "digits mlp dataset.split_seed=9": [[0, 1, 2]] * 2,
        f"digits mlp dataset.split_seed={EACH}": [[3, 4, 5]] * 2,
    }


def test_a_run_of_an_earlier_sweep_of_one_split_counts_in_both() -> None:
    """All seeds at split 0, then each at its own: seed 0 is the same run, and is not made again."""
    runs = two_stacks(dict.fromkeys(range(4), 0)) + two_stacks({seed: seed for seed in range(1, 4)})
    made = sorted_out(runs)
    assert {name: sorted(one.groups[0].results) for name, one in made.items()} == {
        "digits mlp dataset.split_seed=0": [0, 1, 2, 3],
        f"digits mlp dataset.split_seed={EACH}": [0, 1, 2, 3],
    }


def test_a_run_that_is_there_twice_is_one_duplicate_though_it_is_of_two_comparisons() -> None:
    runs = two_stacks(dict.fromkeys(range(3), 0)) + two_stacks({seed: seed for seed in range(1, 3)})
    _, duplicates = cohorts(over_splits([*runs, run("", 0, 0)]))
    assert len(duplicates) == 1


def test_other_conditions_have_their_own_splits() -> None:
    wide = [run("", seed, seed, config={"model": {"width": 8}}) for seed in range(3)]
    narrow = [run("", seed, 0) for seed in range(3)]
    made = sorted_out([*wide, *narrow])
    assert sorted(one.shared[SPLIT] for one in made.values() if one.shared["model.width"] == 8) == [EACH]
    assert [one.shared[SPLIT] for one in made.values() if one.shared["model.width"] == 512] == [0]


def test_val_rows_of_the_sources_own_are_the_same_in_all_splits_and_no_verdict_is_over_them() -> None:
    rows = {"train": 5000, "select": 900, "val": 872}
    runs = [run(stack, seed, seed, rows=rows) for stack in ("", "dropout") for seed in range(3)]
    assert runs[0].summary.rows == PerSplit(**rows)
    made = sorted_out(runs)
    assert sorted(made) == [f"digits mlp dataset.split_seed={seed}" for seed in range(3)]


def test_the_best_rate_is_chosen_over_all_splits() -> None:
    runs = []
    for rate, better in ((0.1, 0.0), (0.3, 0.05)):
        for seed in range(6):
            odd = 0.2 if seed == 0 and rate == 0.1 else 0.0  # at one seed the other rate is best
            config = {"train": {"lr": rate}}
            runs += [run(stack, seed, seed, 0.7 + better + odd, config) for stack in ("", "dropout")]
    (one,) = compared(runs, best_of=("train.lr",))
    assert [(choice.arm, choice.value, choice.seeds) for choice in one.chosen] == [
        ("baseline", "0.3", list(range(6))),
        ("dropout", "0.3", list(range(6))),
    ]


def test_a_metric_of_test_is_refused_over_splits() -> None:
    with pytest.raises(ConfigError, match=r"^--metric: must be of val .* the same in all splits, got test/"):
        compared(two_stacks({seed: seed for seed in SEEDS}), metric="test/accuracy")


def test_rows_are_called_splits_where_they_are_several() -> None:
    assert measured_on("val/loss", True) == "validation splits"
    assert measured_on("corruption/accuracy", True) == "corrupted rows of validation splits"


def test_rows_that_are_left_out_of_train_make_splits_overlap_no_more() -> None:
    """Val is a sixth of the rows at most, select as many: train is cut from four times as many at least."""
    assert share_of(1199, 299) == 299 / 1199
    assert share_of(50000, 5000) == 0.1
    assert share_of(100, 239) == share_of(40, 10) == 0.25


def test_how_much_the_rows_overlap_decides_how_wide_the_interval_is() -> None:
    few = {"train": 50000, "select": 5000, "val": 5000}
    runs = {seed: seed for seed in SEEDS}
    wide = [
        run(stack, s, c, 0.8 + (STEPS[s] if stack else 0), rows=few)
        for stack in ("", "dropout")
        for s, c in runs.items()
    ]
    (one,), (other,) = compared(two_stacks(runs)), compared(wide)
    ends = [x.arms[1].differences["val/accuracy"] for x in (one, other)]
    ratio = (ends[1].high - ends[1].low) / (ends[0].high - ends[0].low)  # type: ignore[operator]
    assert ratio == pytest.approx(((1 / 8 + 0.1) / (1 / 8 + SHARE)) ** 0.5)
    assert re.search(r"1/n \+ 0.1 \(val", other.judge.sentence if other.judge else "")


def test_conditions_may_each_be_over_splits() -> None:
    found = Found(
        [
            run(stack, s, s, 0.8 + (STEPS[s] if stack else 0), {"model": {"width": width}})
            for width in (8, 16, 32)
            for stack in ("", "dropout")
            for s in SEEDS
        ]
    )
    question = Question()
    whole = across(found, report(found, question), question, ("model.width",))
    (dropout,) = whole.techniques
    assert dropout.counts["better"] == 3
    text = "\n".join(whole.families)
    assert "judged in its condition by the resampled test" in text
    assert "there is none over splits, which share rows" in text
