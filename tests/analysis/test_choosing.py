"""The best of several values for each stack: select chooses, val judges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.comparison import report
from regbench.analysis.question import Question
from regbench.analysis.report import Comparison, Report
from regbench.commands import compare as app
from regbench.errors import ConfigError
from regbench.records.reader import Found, Result
from regbench.reports.wording import said
from tests.records.made import figures, result, write_run

RATES = (0.01, 0.1, 1.0)


def tried(
    stack: Sequence[str],
    select: dict[float, Sequence[float]],
    val: dict[float, Sequence[float]],
    **changes: Any,
) -> list[Result]:
    """A run of each rate and seed with this select and this val accuracy."""
    return [
        result(stack, seed, [figures(val[rate][seed], select=chosen)],
               config={"train": {"lr": rate}}, **changes)
        for rate, several in select.items()
        for seed, chosen in enumerate(several)
    ]  # fmt: skip


def best(*runs: list[Result], keys: tuple[str, ...] = ("train.lr",), **asked: Any) -> Report:
    found = Found([one for several in runs for one in several])
    return report(found, Question(best_of=keys, **asked))


def only(of: Report) -> Comparison:
    (one,) = of.comparisons
    return one


# select says 0.1 for the baseline and 0.01 for dropout; val, which must not choose, says the opposite
BASE = tried(
    [],
    {0.01: [0.70, 0.72, 0.71], 0.1: [0.80, 0.79, 0.81], 1.0: [0.60, 0.99, 0.10]},
    {0.01: [0.95, 0.95, 0.95], 0.1: [0.78, 0.77, 0.79], 1.0: [0.99, 0.99, 0.99]},
)
DROPOUT = tried(
    ["dropout"],
    {0.01: [0.85, 0.84, 0.86], 0.1: [0.83, 0.83, 0.83], 1.0: [0.20, 0.20, 0.20]},
    {0.01: [0.80, 0.80, 0.80], 0.1: [0.90, 0.90, 0.90], 1.0: [0.99, 0.99, 0.99]},
)


def test_each_stack_is_at_the_value_of_the_highest_mean_select_accuracy() -> None:
    one = only(best(BASE, DROPOUT))
    assert [(c.arm, c.key, c.value, c.tried, c.seeds) for c in one.chosen] == [
        ("baseline", "train.lr", "0.1", ["0.01", "0.1", "1"], [0, 1, 2]),
        ("dropout", "train.lr", "0.01", ["0.01", "0.1", "1"], [0, 1, 2]),
    ]
    arms = {arm.name: arm for arm in one.arms}
    assert arms["baseline"].figures["val/accuracy"].mean == pytest.approx(0.78)
    assert arms["dropout"].differences["val/accuracy"].mean == pytest.approx(0.02), (
        "0.80 - 0.78, at 0.01 and 0.1"
    )
    assert arms["dropout"].paired == [0, 1, 2]
    assert "train.lr" not in one.config
    assert one.name == "digits mlp"


def test_the_report_says_what_was_tried_what_was_chosen_and_by_what() -> None:
    notes = only(best(BASE, DROPOUT)).notes
    assert notes[0] == (
        "each stack is at the best train.lr of those tried, by mean select accuracy over the seeds; val has "
        "chosen nothing: baseline 0.1 (of 0.01, 0.1, 1); dropout 0.01 (of 0.01, 0.1, 1)"
    )
    assert notes[1:] == [
        "the best train.lr is at an end of those tried, and a better one may lie beyond: dropout 0.01"
    ]


def test_the_order_of_the_runs_changes_nothing() -> None:
    assert best(BASE[::-1], DROPOUT[::-1]) == best(DROPOUT, BASE)


def test_without_it_each_rate_is_a_comparison_and_the_other_way_is_named() -> None:
    found = best(BASE, DROPOUT, keys=())
    assert [one.differs["train.lr"] for one in found.comparisons] == [0.01, 0.1, 1.0]
    assert found.comparisons[1].notes == [
        "all stacks were trained at one learning rate, train.lr=0.1, and those of other comparisons here at "
        "others; a technique may need another: `regbench compare RUNS --best-of train.lr` takes each stack "
        "at its best, by select"
    ]
    assert found.comparisons[0].chosen == []
    (note,) = best(BASE[3:6], DROPOUT[3:6], keys=()).comparisons[0].notes
    assert (
        "all stacks were trained at one learning rate, train.lr=0.1; a technique may need another: run"
        in note
    )
    assert note in said(best(BASE[3:6], DROPOUT[3:6], keys=()).comparisons[0])


def test_means_are_over_the_seeds_that_all_values_have() -> None:
    runs = [one for one in BASE if (one.shared["train.lr"], one.seed) != (1.0, 2)]
    # over seeds 0 and 1: 0.71, 0.795, 0.795 (0.60 and 0.99): a tie, of which the lower is taken
    (chosen,) = only(best(runs)).chosen
    assert (chosen.value, chosen.seeds) == ("0.1", [0, 1])
    runs = [one for one in BASE if (one.shared["train.lr"], one.seed) not in ((1.0, 2), (1.0, 0))]
    (chosen,) = only(best(runs)).chosen
    assert (chosen.value, chosen.seeds) == ("1", [1]), "by seed 1 alone: 0.72, 0.79, 0.99"
    assert "baseline: its train.lr was chosen by 1 seed, which says little" in only(best(runs)).notes


def test_a_value_at_which_a_seed_diverged_is_not_chosen_and_named() -> None:
    lost = tried([], {0.1: [0.9]}, {0.1: [0.9]}, status="diverged", last=None, best=None)
    one = only(best(BASE, lost))
    assert [(c.value, c.diverged) for c in one.chosen] == [("0.01", ["0.1"])]
    assert "baseline: diverged at train.lr 0.1" in one.notes
    assert one.arms[0].diverged == []


def test_unequal_tries_are_named() -> None:
    notes = only(best(BASE[3:6], DROPOUT)).notes
    assert any(
        note == "not all stacks were given the same train.lr, and more tries favour a stack: "
        "dropout: 0.01, 0.1, 1; baseline: 0.1" for note in notes
    )  # fmt: skip


def test_values_without_a_shared_seed_leave_the_stack_out_with_the_reason() -> None:
    found = best([BASE[0], BASE[4]], DROPOUT)
    assert [arm.name for arm in only(found).arms] == ["dropout"]
    assert {one.reason for one in found.excluded} == {
        "no seed has run at all values of train.lr with this stack, so none is the best"
    }
    assert len(found.excluded) == 2


def test_a_stack_that_diverged_everywhere_is_left_out_as_such() -> None:
    lost = tried(["dropout"], {0.01: [0.1], 0.1: [0.1]}, {0.01: [0.1], 0.1: [0.1]}, status="diverged")
    found = best(BASE, lost)
    assert [one.reason for one in found.excluded] == [
        "every run diverged at all values of train.lr with this stack, so none is the best"
    ] * 2


def test_where_there_is_one_value_it_says_that_nothing_was_chosen() -> None:
    one = only(best([run for run in [*BASE, *DROPOUT] if run.shared["train.lr"] == 0.1]))
    assert [note for note in one.notes if "train.lr" in note] == [
        "nothing was chosen: all runs have one value of train.lr, 0.1"
    ]
    assert [arm.name for arm in one.arms] == ["baseline", "dropout"]


def test_values_without_an_order_have_no_end() -> None:
    def runs(stack: list[str], norm: str, select: float) -> list[Result]:
        config = {"model": {"norm": norm}}
        return [result(stack, seed, [figures(0.5, select=select)], config=config) for seed in range(3)]

    one = only(best(runs([], "batch", 0.6), runs([], "none", 0.7), keys=("model.norm",)))
    assert one.chosen[0].value == "none"
    assert not any("at an end" in note for note in one.notes)


def test_the_newest_run_of_a_seed_counts_in_the_choice_too() -> None:
    again = tried([], {0.01: [0.99]}, {0.01: [0.5]}, ended="2020")
    assert only(best(BASE, again)).chosen[0].value == "0.1"
    again = tried([], {0.01: [0.99, 0.99, 0.99]}, {0.01: [0.5, 0.5, 0.5]}, ended="2030")
    found = best(BASE, again)
    assert only(found).chosen[0].value == "0.01"
    assert len(found.duplicates) == 3


def test_several_keys_are_chosen_together_and_other_conditions_stay_apart() -> None:
    def runs(width: int, momentum: float, select: float) -> Result:
        config = {"model": {"width": width}, "optimizer": {"momentum": momentum}}
        return result([], 0, [figures(0.5, select=select)], config=config)

    found = best(
        [runs(8, 0.0, 0.6), runs(8, 0.9, 0.7), runs(16, 0.0, 0.9), runs(16, 0.9, 0.8)],
        keys=("train.lr", "optimizer.momentum"),
    )
    values = {one.differs["model.width"]: one.chosen[0].value for one in found.comparisons}
    assert values == {
        8: "train.lr=0.1 optimizer.momentum=0.9",
        16: "train.lr=0.1 optimizer.momentum=0",
    }
    assert not any("at an end" in note for one in found.comparisons for note in one.notes)


def test_the_snapshot_that_is_judged_is_the_one_that_chooses() -> None:
    def run(rate: float, first: float, last: float) -> Result:
        course = [figures(0.5, select=first), figures(0.5, select=last)]
        return result([], 0, course, config={"train": {"lr": rate}})

    runs = [run(0.1, 0.9, 0.1), run(0.2, 0.5, 0.5)]
    assert only(best(runs, at="best")).chosen[0].value == "0.1"
    assert only(best(runs, at="last")).chosen[0].value == "0.2"


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        for rate in RATES:
            for stack in ([], ["l2"]):
                config = {"train": {"lr": rate}}
                course = [figures(0.9, select=0.5 + rate / 10)]
                write_run(tmp_path / f"{stack}{rate}{seed}", stack, seed, course, config=config)
    assert app.main([str(tmp_path), "--best-of", "train.lr", "--one"]) == 0
    assert "baseline 1 (of 0.01, 0.1, 1); l2 1 (of 0.01, 0.1, 1)" in capsys.readouterr().out
    for key, sentence in [
        (
            "train.rl",
            r"--best-of must be a key that .*, got train.rl; did you mean 'train.lr'",
        ),
        ("lr", r"got lr; did you mean 'train.lr'"),
        ("", r"got nothing$"),
        (
            "reg.dropout.p",
            r"--best-of must be no value of a member, .*; got reg.dropout.p; `regbench strength`",
        ),
        ("seed", r"--best-of must be a key that decides a run's results"),
        ("dataset.split_seed", r"--best-of must be no key of the dataset"),
    ]:
        with pytest.raises(ConfigError, match=sentence):
            app.main([str(tmp_path), "--best-of", key])
