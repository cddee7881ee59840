"""What a search says at its end: of more or fewer trials, of runs that are gone, of test once read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from regbench.analysis.searching import Arm, Confirmation, Outcome, Setting, Trial, TrialState
from regbench.records.metrics import Terms
from regbench.studies.budget import Budget, Spending
from regbench.studies.searching import search as searching
from regbench.studies.searching.found import outcome_of
from regbench.studies.searching.judging import Judge
from regbench.studies.searching.rounds import Asked
from regbench.studies.searching.search import Search
from regbench.studies.searching.settings import Settings
from regbench.studies.searching.space import Candidate, Side, Space

STATES = {"complete": TrialState.COMPLETE, "open": TrialState.OPEN}


def trial(number: int, state: str = "complete", **values: Any) -> Trial:
    return Trial(number, STATES[state], [], values, [f"train.lr={number + 1}"], 0.5, 1.0, {1: 0.5, 2: 0.6})


class Folder:
    """The files of a search that has one round and named finalists, as far as they are asked for."""

    def __init__(self, root: Path, asked: Sequence[Asked] = (), fresh: int = 3) -> None:
        self.root, self._asked, self._fresh = root, list(asked), fresh
        self.kept: dict[str, Any] | None = None
        self.read: dict[str, Any] | None = None

    def rounds(self) -> int:
        return 1

    def asked(self, number: int) -> list[Asked]:
        return self._asked

    ended = asked

    def clock(self, number: int) -> float:
        return 1.0

    def finalists(self) -> dict[str, Any]:
        return {"trials": {}, "seeds": [1], "fresh": list(range(100, 100 + self._fresh))}

    def winner(self) -> None:
        return None

    def confirmation(self) -> dict[str, Any] | None:
        return self.kept

    def final(self) -> dict[str, Any] | None:
        return self.read

    def is_read(self) -> bool:
        return self.read is not None


def closed(root: Path, states: Sequence[str], trials: int | None) -> tuple[Search, list[str]]:
    """A search whose finalists are named, typed with so many trials; and what it says of them."""
    nothing: Any = None
    said: list[str] = []
    sides = [Side("baseline"), Side("dropout", [Candidate("dropout")])]
    asked = [Asked(side.name, trial(n, one)) for side in sides for n, one in enumerate(states)]
    folder: Any = Folder(root, asked)
    settings = Settings(trials=trials, finalists=1, finalist_seeds=1, confirm_seeds=3)
    judge: Any = SimpleNamespace(smaller=False)
    spending, space = Spending(Budget(), 1), Space([], [0], sides)
    search = Search(space, settings, folder, nothing, judge, None, spending, said.append, nothing)
    assert list(search.rounds()) == []
    return search, said


def test_trials_that_are_lowered_after_the_end_are_told(tmp_path: Path) -> None:
    _, said = closed(tmp_path, ["complete", "complete"], 2)
    assert said == [
        "its finalists were named after 4 trials, more than trials=2 asks for; all of them are shown"
    ]
    assert closed(tmp_path, ["complete", "complete"], 4)[1] == []  # as many as there are


@pytest.mark.parametrize("trials", [8, None])
def test_a_search_that_time_has_closed_says_so(tmp_path: Path, trials: int | None) -> None:
    search, said = closed(tmp_path, ["complete", "open"], trials)
    assert search.late
    assert len(said) == 1
    assert said[0].startswith("its finalists were named after 2 trials, so no more are tried here")


def test_runs_that_are_gone_after_test_was_read_are_left_out_by_their_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "state_of", lambda path: SimpleNamespace(ended=path.is_dir()))
    search, _ = closed(tmp_path, ["complete"], 2)
    folder: Any = search.folder
    fresh = [100, 101, 102]
    names = {side: {str(seed): f"{side}{seed}" for seed in fresh[:2]} for side in ("winner", "baseline")}
    folder.kept = {"seeds": fresh[:2], **{side: {"folders": of} for side, of in names.items()}}
    for name in ("winner100", "winner101", "baseline100"):
        (tmp_path / name).mkdir()
    assert search._usable(fresh) == fresh  # what is gone is run again, as long as test has not been read
    folder.read = {}
    assert search._usable(fresh) == [100, 102]


def of(folder: Folder, seeds: int, word: str, diverged: bool = False) -> tuple[Outcome, str]:
    """The outcome with so many pairs."""
    side = Setting("dropout", 0, "dropout", [])
    found = Confirmation(
        "val/accuracy", "last", side, side, list(range(seeds)), [0.01] * seeds, 0.01 if seeds else None,
        0.0, 0.02, 0.5, word,
    )  # fmt: skip
    won = (Arm("dropout", ["dropout"], [], 1, [trial(0)]), trial(0), trial(0))
    out = "tuned baseline diverged with seed 102"
    confirming = SimpleNamespace(winner_is_out=False, baseline_diverged=diverged, out=out)
    search: Any = SimpleNamespace(winner=lambda: won, folder=folder, confirming=confirming)
    return outcome_of(search, [won[0]], found, Terms())


def test_a_tuned_baseline_that_diverges_on_a_fresh_seed_ends_the_search(tmp_path: Path) -> None:
    outcome, said = of(Folder(tmp_path, fresh=8), 2, "not resolved", diverged=True)
    assert outcome is Outcome.NOTHING
    assert said == (
        "Nothing was found that survives: of the fresh seeds tuned baseline diverged with seed 102, and "
        "nothing can be compared without it."
    )


def read(folder: Folder, word: str, seeds: int) -> None:
    val = {"differences": [0.02] * seeds, "mean": 0.02, "low": 0.01, "high": 0.03, "word": word}
    folder.read = {"val": val}


def test_a_search_whose_test_was_read_is_over_with_the_pairs_that_it_has(tmp_path: Path) -> None:
    folder = Folder(tmp_path, fresh=8)
    assert of(folder, 5, "not resolved")[0] is Outcome.OPEN
    read(folder, "not resolved", 5)
    outcome, said = of(folder, 5, "not resolved")
    assert outcome is Outcome.NOTHING
    assert "on 5 fresh seeds dropout against the tuned baseline is not resolved" in said


@pytest.mark.parametrize("left", [0, 5])
@pytest.mark.parametrize(("word", "outcome"), [("better", Outcome.SURVIVES), ("worse", Outcome.NOTHING)])
def test_what_was_confirmed_when_test_was_read_holds_where_too_few_pairs_are_left(
    tmp_path: Path, word: str, outcome: Outcome, left: int
) -> None:
    folder = Folder(tmp_path, fresh=8)
    read(folder, word, 6)
    found, said = of(folder, left, "not resolved" if left else "")
    assert found is outcome
    assert f"on 6 fresh seeds, of which the runs of {left} are left" in said
    assert "+2.00 points [+1.00, +3.00]" in said
    assert of(folder, 5, "better")[1].startswith("dropout survives: on 5 fresh seeds it is better")


def test_a_run_is_pruned_by_trials_of_as_many_epochs() -> None:
    judge = Judge("select/accuracy", "last", "median")
    job: Any = SimpleNamespace(config={"train": {"epochs": 4}})
    past = [trial(0, **{"train.epochs": "1"}), trial(1, **{"train.epochs": "4"})]
    watch = judge.watch(past, job, 2)
    assert watch is not None
    assert [one.steps for one in watch.past] == [{}, {1: 0.5, 2: 0.6}]
    assert [one.value is None for one in watch.past] == [True, False]
    alike = judge.watch([trial(0), trial(1)], job, 2)
    assert alike is not None
    assert all(one.steps for one in alike.past)  # where epochs are not searched
