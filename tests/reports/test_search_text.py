"""A search in a terminal: the outcome first, commands to copy, tables that fit."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from regbench.analysis.search_findings import Importance
from regbench.analysis.searching import Parameter, SearchReport
from regbench.records.metrics import Terms
from regbench.reports.search_board import board
from regbench.reports.search_text import show
from regbench.reports.search_wording import outcome
from regbench.terminal.screen import Screen
from tests.reports.searches import STACK, begun, large, search, weighed


def text(
    report: SearchReport, importance: dict[str, Importance], width: int = 120, watched: bool = False
) -> str:
    console = Screen(width=width, file=io.StringIO(), force_terminal=watched, color_system=None)
    show(console, report, importance)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows(of: str) -> list[str]:
    """The lines of a text, with single spaces between their words."""
    return [" ".join(line.split()) for line in of.splitlines()]


def test_the_outcome_comes_first_and_what_it_rests_on_next() -> None:
    lines = text(search(False), weighed()).splitlines()
    assert lines[:3] == [
        "Nothing was found that survives: +2.10 points on select are 0.00 on val, not resolved.",
        "on 6 fresh seeds the winner is not resolved: val accuracy 0.00 points [-0.90, +0.90], p 0.83",
        "no more seeds: all seeds that it may have are run",
    ]
    lines = text(search(), weighed()).splitlines()
    assert lines[0] == "The winner survives."
    assert lines[2] == (
        "on 6 fresh seeds the winner is better: val accuracy +1.00 points [+0.79, +1.21], p 0.012"
    )


def test_what_failed_is_said_as_plainly_whatever_else_is_told() -> None:
    silent = replace(search(False), said="The difference is not resolved.")
    assert outcome(silent) == ["Nothing was found that survives.", "The difference is not resolved."]
    assert outcome(replace(silent, said="")) == ["Nothing was found that survives."]


def test_the_lead_is_shown_from_the_trial_to_the_fresh_seeds() -> None:
    lines = rows(text(search(False), weighed()))
    assert "in their trials select accuracy 1 92.89 90.79 +2.10 -" in lines
    assert "as finalists select accuracy 3 91.50 90.20 +1.30 -" in lines
    assert "on fresh seeds val accuracy 6 91.00 91.00 0.00 [-0.90, +0.90]" in lines


def test_commands_train_what_is_worth_training_first_and_are_never_folded() -> None:
    winner = (
        "  regbench train '+reg=[dropout,mixup,l2]' train.lr=0.13 train.batch_size=64 reg.dropout.p=0.45 "
        "reg.mixup.alpha=0.3 reg.l2.strength=0.0001"
    )
    baseline = "  regbench train '+reg=[]' train.lr=0.14 train.batch_size=64"
    final = "  regbench final outputs/searches/digits-mlp"
    found = text(search(), weighed(), 80, watched=True).splitlines()
    assert [line for line in found if line.startswith("  regbench")] == [winner, baseline, final]
    nothing = text(search(False), weighed(), 80).splitlines()
    assert [line for line in nothing if line.startswith("  regbench")] == [baseline, winner, final]
    assert "to train the winner all the same:" in nothing
    lost = replace(search(False), confirmation=None)
    assert not [line for line in text(lost, {}).splitlines() if line.startswith("  regbench")]
    going = text(begun(), {}).splitlines()
    assert [line for line in going if line.startswith("  regbench")] == [f"  {begun().line}"]


def test_tables_have_the_trials_the_expected_best_and_the_finalists() -> None:
    lines = rows(text(search(), weighed()))
    assert f"{STACK} 12 of 12 9 3 0 380 79 % 92.89 4" in lines
    assert "baseline 8 of 8 5 2 1 223 70 % 90.79 5" in lines
    assert "arm n=1 n=2 n=5 n=8 n=10 n=12" in lines
    (best,) = [line.split() for line in lines if line.startswith("baseline ") and line.endswith("- -")]
    # a mean of seven scores and one of none; after all eight trials the best
    assert (best[1], best[4]) == ("82.78", "90.79")
    assert f"{STACK} 4 {STACK} 92.89 3 91.50 ± 0.50 chosen" in lines
    assert f"{STACK} 2 dropout+mixup 92.05 2 - seed 52 diverged" in lines
    assert "reg.dropout.p 0.05 to 0.7 trials with dropout 0.45" in lines


def test_importance_says_how_much_contrasts_say_which_way_and_none_says_why() -> None:
    found = text(search(), weighed())
    lines = rows(found)
    assert "use.dropout 46 %" in lines
    assert "dropout 6 91.91 91.84 3 89.82 89.96 +2.09 +1.88" in lines
    assert (
        "baseline: no importance, as there are 3 complete trials, and 4 are the fewest to tell from" in found
    )


def test_a_search_that_has_just_begun_has_nothing_to_hide() -> None:
    found = text(begun(), {})
    assert found.splitlines()[:2] == ["The search is not over.", "0 of 20 trials have ended."]
    assert "baseline 1 of 8 0 0 0 1 0 - - -" in rows(found)
    assert "nan" not in found
    assert "None" not in found


def test_epochs_that_are_searched_are_told_and_counted_by_trial() -> None:
    epochs = Parameter("train.epochs", "10, 40", choices=("10", "40"))
    baseline, *others = search().arms
    short = [replace(one, values=one.values | {"train.epochs": "10"}) for one in baseline.trials[:3]]
    trials = [*short, *baseline.trials[3:]]
    arm = replace(baseline, parameters=[*baseline.parameters, epochs], trials=trials)
    found = text(replace(search(), arms=[arm, *others]), {})
    assert "over 10 to 40 epochs, seed 0" in found
    assert "baseline 8 of 8 5 2 1 223 97 % 90.79 5" in rows(found)  # of 3 times 10 and 5 times 40


def test_more_trials_than_the_line_asks_for_are_no_part_of_fewer() -> None:
    arms = [replace(arm, budget=4) for arm in search().arms]
    lines = rows(text(replace(search(), arms=arms), {}))
    assert "baseline 8 5 2 1 223 70 % 90.79 5" in lines
    table = board(arms, [], "select/accuracy", "", Terms())
    assert [row[1] for row in table.rows] == ["8", "12"]


def test_a_test_split_that_has_been_read_is_not_to_be_read() -> None:
    found = text(replace(search(), is_read=True), {})
    assert "the test split has been read, and is not read again; to see what was read:" in found
    assert "to read the test split, once" not in found
    assert "  regbench final outputs/searches/digits-mlp" in found.splitlines()


def test_of_a_loss_less_is_better() -> None:
    lower = replace(search(), objective="select/loss", smaller=True)
    found = text(lower, weighed())
    assert "select loss (less is better)" in found
    assert "baseline 8 of 8 5 2 1 223 70 % 0.8745 6" in rows(found)


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit(width: int) -> None:
    for report, importance in ((search(), weighed()), large()):
        lines = text(report, importance, width).splitlines()
        inside = [line for line in lines if "─" in line or line.startswith(("baseline ", "use.", "as "))]
        assert len(inside) > 8
        assert max(map(len, inside)) <= width
