"""Which trials are finalists, which of these is chosen, and when the winner need not be confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regbench.analysis.searching import Arm, Finalist, Trial, TrialState
from regbench.studies.searching.finals import choose_finalists, finalists_of, winner_of
from regbench.studies.searching.rounds import StudyFolder
from regbench.studies.searching.search import Search
from regbench.studies.searching.settings import Settings
from regbench.studies.searching.space import Candidate, Side, Space

SETTINGS = Settings(trials=20, finalists=2, finalist_seeds=2, confirm_seeds=3)
L2 = "reg.l2.strength=0.1"


def trial(number: int, score: float | None, loss: float | None = 1.0, words: tuple[str, ...] = ()) -> Trial:
    state = TrialState.COMPLETE if score is not None else TrialState.PRUNED
    return Trial(number, state, ["dropout"], {}, list(words or (f"train.lr={number + 1}",)), score, loss)


def arm(name: str, *trials: Trial) -> Arm:
    return Arm(name, [] if name == "baseline" else ["dropout"], [], 10, list(trials))


def chosen(*trials: Trial, seeds: tuple[int, ...] = (0,), smaller: bool = False) -> Any:
    arms = [arm("baseline", *trials), arm("dropout", *trials)]
    found = choose_finalists(arms, SETTINGS, seeds, smaller)
    return None if found is None else found["trials"]["baseline"]


def test_the_best_are_finalists_and_the_loss_decides_between_equal_scores() -> None:
    assert chosen(trial(0, 0.8), trial(1, None), trial(2, 0.9), trial(3, 0.85)) == [2, 3]
    assert chosen(trial(0, 0.9, 0.7), trial(1, 0.9, 0.5), trial(2, 0.9, 0.6)) == [1, 2]
    assert chosen(trial(0, 0.9, 0.5), trial(1, 0.9, 0.5), trial(2, 0.9, 0.5)) == [0, 1]  # then the first
    assert chosen(trial(0, 0.9, 0.1), trial(1, 0.9001, 9.0), trial(2, 0.8, 0.0)) == [1, 0]
    assert chosen(trial(0, 1.2), trial(1, 0.7), trial(2, 0.9), smaller=True) == [1, 2]


def test_a_trial_that_was_tried_twice_is_one_finalist() -> None:
    same = ("train.lr=0.5",)
    assert chosen(trial(0, 0.9, words=same), trial(1, 0.9, words=same), trial(2, 0.5)) == [0, 2]


def test_finalists_and_the_confirmation_have_seeds_that_nothing_has_seen() -> None:
    arms = [arm("baseline", trial(0, 0.9)), arm("dropout", trial(0, 0.9))]
    found = choose_finalists(arms, SETTINGS, (0, 2, 101), False)
    assert found is not None
    assert found["seeds"] == [1, 3]
    assert found["fresh"] == [100, 102, 103]


def test_a_trial_without_any_candidate_is_a_trial_of_the_baseline_and_no_finalist() -> None:
    bare = Trial(0, TrialState.COMPLETE, [], {}, ["train.lr=9"], 0.99, 0.1)
    arms = [arm("baseline", bare), arm("dropout", bare, trial(1, 0.5))]
    found = choose_finalists(arms, SETTINGS, (0,), False)
    assert found is not None
    assert found["trials"] == {"baseline": [0], "dropout": [1]}
    assert choose_finalists([arms[0], arm("dropout", bare)], SETTINGS, (0,), False) is None


def test_without_a_complete_trial_on_both_sides_there_are_none() -> None:
    assert chosen(trial(0, None)) is None
    arms = [arm("baseline", trial(0, 0.9)), arm("dropout", trial(0, None))]
    assert choose_finalists(arms, SETTINGS, (0,), False) is None


class Scored:
    """Scores runs, which are names here, from a table: the accuracy and the loss."""

    smaller = False

    def __init__(self, **reached: tuple[float, float | None] | None) -> None:
        self._reached = reached

    def score(self, job: str) -> tuple[float, float | None] | None:
        return self._reached[job]


def finalists(judge: Scored) -> list[Finalist]:
    jobs: Any = {4: ["a1", "a2"], 2: ["b1", "b2"]}
    return finalists_of(jobs, judge, [1, 3])  # type: ignore[arg-type]


def test_the_finalist_of_the_best_mean_is_chosen() -> None:
    best, other = finalists(Scored(a1=(0.8, 1.0), a2=(0.9, 1.0), b1=(0.9, 1.0), b2=(0.84, 1.0)))
    assert (best.trial, best.chosen, best.scores) == (2, True, {1: 0.9, 3: 0.84})
    assert best.mean == pytest.approx(0.87)
    assert best.sd == pytest.approx(0.06 / 2**0.5)
    assert (other.trial, other.chosen, other.mean) == (4, False, pytest.approx(0.85))


def test_between_equal_means_the_loss_decides_and_else_the_better_trial() -> None:
    equal = finalists(Scored(a1=(0.8, 1.0), a2=(0.8, 1.0), b1=(0.8, 0.5), b2=(0.8, 0.5)))
    assert [one.trial for one in equal] == [2, 4]
    equal = finalists(Scored(a1=(0.8, 1.0), a2=(0.8, 1.0), b1=(0.8, 1.0), b2=(0.8, 1.0)))
    assert [one.trial for one in equal] == [4, 2]


def test_a_finalist_without_all_of_its_runs_is_not_chosen() -> None:
    first, second = finalists(Scored(a1=(0.99, 1.0), a2=None, b1=(0.5, 1.0), b2=(0.5, 1.0)))
    assert (first.trial, first.chosen) == (2, True)
    assert (second.chosen, second.mean, second.reason) == (False, None, "1 of 2 runs have not finished")
    assert not any(one.chosen for one in finalists(Scored(a1=None, a2=None, b1=None, b2=(0.5, 1.0))))


def with_final(one: Arm, number: int, mean: float) -> Arm:
    one.finalists.append(Finalist(number, {1: mean}, mean, None, 1.0, True))
    return one


def test_the_winner_is_the_best_of_the_other_arms_on_the_finalists_seeds() -> None:
    base = with_final(arm("baseline", trial(0, 0.99)), 0, 0.99)
    one = with_final(arm("dropout", trial(0, 0.9), trial(1, 0.8)), 1, 0.7)
    two = with_final(arm("mixup", trial(0, 0.6)), 0, 0.8)
    found = winner_of([base, one, two], False)
    assert found is not None
    assert (found[0].name, found[1].number, found[2].number) == ("mixup", 0, 0)
    assert winner_of([base, one, two], True)[0].name == "dropout"  # type: ignore[index]
    assert winner_of([arm("baseline", trial(0, 0.9)), one], False) is None
    assert winner_of([base, arm("dropout", trial(0, 0.9))], False) is None


def lost(path: Path, base: float, won: float, members: list[str], words: tuple[str, ...]) -> str:
    """Why a search of one arm need not confirm: its finalists' means, and the winner's members and words."""
    return searched(path, base, won, members, words).lost()


def searched(path: Path, base: float, won: float, members: list[str], words: tuple[str, ...]) -> Search:
    """A search whose finalists have these means."""
    nothing: Any = None
    sides = [Side("baseline"), Side("dropout+l2", [Candidate("dropout"), Candidate("l2")])]
    judge: Any = Scored()
    made = Search(
        Space([], [0], sides), SETTINGS, StudyFolder(path), nothing, judge, None, nothing, print, nothing
    )
    tuned = Trial(0, TrialState.COMPLETE, [], {}, ["+reg=[l2]", L2, "train.lr=0.1"], 0.9, 1.0)
    winner = Trial(0, TrialState.COMPLETE, members, {}, list(words), 0.95, 1.0)
    made._trials = {"baseline": [tuned], "dropout+l2": [winner]}
    made._finalists = {
        "baseline": [Finalist(0, {1: base}, base, None, 1.0, True)],
        "dropout+l2": [Finalist(0, {1: won}, won, None, 1.0, True)],
    }
    return made


def test_who_won_stays_whatever_finalists_come_later(tmp_path: Path) -> None:
    words = ("+reg=[dropout,l2]", "reg.dropout.p=0.3", L2, "train.lr=0.2")
    first = searched(tmp_path, 0.8, 0.9, ["dropout"], words)
    first._name_winner()
    later = searched(tmp_path, 0.95, 0.9, ["dropout"], words)  # by which it would be lost
    later._name_winner()
    found = later.winner()
    assert found is not None
    assert (later.lost(), found[0].name, found[1].number, found[2].number) == ("", "dropout+l2", 0, 0)


def test_a_winner_that_is_no_better_than_the_tuned_baseline_is_lost(tmp_path: Path) -> None:
    words = ("+reg=[dropout,l2]", "reg.dropout.p=0.3", L2, "train.lr=0.2")
    assert lost(tmp_path, 0.8, 0.9, ["dropout"], words) == ""
    assert "the tuned baseline is as good" in lost(tmp_path, 0.9, 0.9, ["dropout"], words)
    assert "the tuned baseline is as good" in lost(tmp_path, 0.95, 0.9, ["dropout"], words)


def test_a_winner_that_has_the_stack_of_the_baseline_is_lost(tmp_path: Path) -> None:
    assert lost(tmp_path, 0.8, 0.9, ["l2"], ("+reg=[l2]", L2, "train.lr=0.2")) != ""
    assert lost(tmp_path, 0.8, 0.9, ["l2"], ("+reg=[l2]", "reg.l2.strength=0.2", "train.lr=0.2")) == ""


def test_weight_decay_alone_is_no_stack_as_the_baseline_has_it_too() -> None:
    decayed = Trial(0, TrialState.COMPLETE, ["l2"], {}, ["+reg=[l2]"], 0.99, 0.1)
    both = Trial(1, TrialState.COMPLETE, ["l2", "dropout"], {}, ["+reg=[l2,dropout]"], 0.5, 0.1)
    arms = [arm("baseline", trial(0, 0.9)), arm("l2+dropout", decayed, both)]
    found = choose_finalists(arms, SETTINGS, (0,), False)
    assert found is not None
    assert found["trials"] == {"baseline": [0], "l2+dropout": [1]}
