"""A run that is given up after an epoch: what it leaves, and that no other run notices."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from regbench.records.reader import find
from regbench.runs import ending, session, together, work_together
from regbench.runs.folder import RunFolder
from regbench.runs.watching import Watch
from regbench.runs.work import Outcome, Policy, work_in
from regbench.runs.work_together import work_in_each
from regbench.training.replicas import fit, proof
from regbench.types import Record
from tests.conftest import reg_node, tiny
from tests.replicas import in_turn
from tests.watches import SAID, At


def home(folder: Path, seed: int = 0, reg: dict[str, Any] | None = None, **train: Any) -> RunFolder:
    folder.mkdir(parents=True, exist_ok=True)
    config = tiny("mlp", reg=reg or {"dropout": reg_node("dropout")}, **{"epochs": 6, **train})
    return RunFolder(config | {"seed": seed}, folder, {}, Console(file=io.StringIO(), quiet=True))


def records(one: RunFolder) -> list[dict[str, float]]:
    """The lines of a run's record, times aside."""
    lines = map(json.loads, (one.path / "metrics.jsonl").read_text().splitlines())
    return [{n: v for n, v in line.items() if not n.startswith("time/")} for line in lines]


def summary(one: RunFolder) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((one.path / "summary.json").read_text())
    return found


def alone(one: RunFolder, watch: Watch | None = None, policy: Policy = Policy.MEND) -> Outcome:
    return work_in(one, policy, watch=watch)


def test_a_run_is_given_up_after_the_epoch_that_its_watch_says(tmp_path: Path) -> None:
    whole, one = home(tmp_path / "whole"), home(tmp_path / "one")
    never = At(0)
    assert alone(whole, never) == Outcome("finished")
    assert never.asked == [1, 2, 3, 4, 5], "after the last epoch a run has finished"
    watch = At(3)
    outcome = alone(one, watch, Policy.FRESH)
    assert (outcome, outcome.exit_code) == (Outcome("pruned"), 0)
    assert watch.asked == [1, 2, 3]
    assert records(one) == records(whole)[:3]
    said = summary(one)
    assert (said["status"], said["reason"], said["epochs"]) == ("pruned", SAID, {"planned": 6, "done": 3})
    assert sorted(path.name for path in one.path.glob("*.pt")) == ["best.pt", "last.pt"]
    again = alone(one, policy=Policy.CONTINUE)
    assert (again.status, again.reason, again.idle, again.exit_code) == ("pruned", SAID, True, 0)
    assert alone(one, watch) == Outcome("pruned", idle=True)
    assert watch.asked == [1, 2, 3]


def test_only_epochs_that_were_evaluated_are_asked_about(tmp_path: Path) -> None:
    watch = At(4)
    assert alone(home(tmp_path, evaluate_every=2), watch) == Outcome("pruned")
    assert watch.asked == [2, 4]


def test_one_that_was_killed_before_its_summary_ends_as_it_would_have(tmp_path: Path) -> None:
    whole, one = home(tmp_path / "whole"), home(tmp_path / "one")
    alone(whole)
    assert alone(one, At(3)) == Outcome("pruned")
    before = summary(one)
    (one.path / "summary.json").unlink()
    watch = At(3)
    assert alone(one, watch) == Outcome("pruned")
    assert watch.asked == [3]
    assert records(one) == records(whole)[:3]
    after = summary(one)
    for name in ("status", "reason", "epochs", "last", "best"):
        assert after[name] == before[name]
    (one.path / "summary.json").unlink()
    assert alone(one) == Outcome("finished"), "without a watch it goes on"
    assert records(one) == records(whole)


def test_a_member_that_stops_a_run_is_not_overruled(tmp_path: Path) -> None:
    stops = {"early_stopping": reg_node("early_stopping", patience=1, min_delta=10.0)}
    watch = At(2)
    assert alone(home(tmp_path, reg=stops), watch) == Outcome("stopped")
    assert watch.asked == [1]
    (tmp_path / "summary.json").unlink()
    assert alone(home(tmp_path, reg=stops), watch) == Outcome("stopped")
    assert watch.asked == [1]


def test_nothing_is_measured_of_it_in_the_end_and_test_stays_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    for name in ("read_test", "with_best_weights"):
        monkeypatch.setattr(ending, name, never)
    one = home(tmp_path, reg={"ema": reg_node("ema"), "early_stopping": reg_node("early_stopping")})
    asked = {"evaluate_test": True, "evaluate": ["corruption"], "checkpoints": "none"}
    one = replace(one, config={**one.config, **asked})
    assert alone(one, At(3)) == Outcome("pruned")
    said = summary(one)
    assert (said["test"], said["corruption"], "kept" in said) == (None, None, False)
    assert list(tmp_path.glob("*.pt")) == []


def test_a_fault_of_the_watch_is_one_of_the_run(tmp_path: Path) -> None:
    def faulty(history: Sequence[Record]) -> str:
        raise LookupError("no such trial")

    one = home(tmp_path / "alone")
    assert alone(one, faulty).status == "failed"
    assert "no such trial" in summary(one)["reason"]
    homes = [home(tmp_path / f"{seed}", seed) for seed in (0, 1)]
    assert [one.status for one in work_in_each(homes, watches=[faulty, None])] == ["failed", "finished"]


def test_reports_leave_it_out_and_say_why(tmp_path: Path) -> None:
    alone(home(tmp_path / "whole"))
    alone(home(tmp_path / "one", seed=1), At(3))
    found = find([tmp_path])
    assert [Path(one.folder).name for one in found.results] == ["whole"]
    (left_out,) = found.excluded
    assert Path(left_out.folder).name == "one"
    assert left_out.reason == f"unfinished: pruned after epoch 3: {SAID}"


@pytest.mark.parametrize("exactly", [True, False])
def test_of_runs_that_are_trained_together_one_leaves_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exactly: bool
) -> None:
    monkeypatch.setattr(together, "fit_stack", in_turn if exactly else fit.fit_stack)
    monkeypatch.setattr(work_together, "unstackable", (lambda _: "") if exactly else proof.unstackable)
    lone, homes = ([home(tmp_path / f"{of}{seed}", seed) for seed in range(3)] for of in ("lone", "stack"))
    for one in lone:
        alone(one)
    watches = [At(0), At(3), None]
    assert [one.status for one in work_in_each(homes, watches=watches)] == ["finished", "pruned", "finished"]
    assert [one.asked for one in watches if one] == [[1, 2, 3, 4, 5], [1, 2, 3]]
    for one, expected, epochs in zip(homes, lone, (6, 3, 6), strict=True):
        found, wanted = records(one), records(expected)[:epochs]
        assert len(found) == epochs
        for line, other in zip(found, wanted, strict=True):
            assert line == (other if exactly else pytest.approx(other, rel=1e-3, abs=1e-4))
    assert (summary(homes[1])["reason"], summary(homes[1])["epochs"]["done"]) == (SAID, 3)
    assert not list(homes[1].path.glob("previous.pt"))


def test_each_of_a_stack_that_was_killed_is_asked_before_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "fit_stack", in_turn)
    monkeypatch.setattr(work_together, "unstackable", lambda _: "")
    homes = [home(tmp_path / f"{seed}", seed) for seed in range(3)]
    for one in homes:
        alone(one, At(3))
        (one.path / "summary.json").unlink()
    watches = [At(3) for _ in homes]
    assert work_in_each(homes, watches=[watches[0], None, watches[2]]) == [
        *[Outcome("pruned"), Outcome("finished"), Outcome("pruned")]
    ]
    assert (watches[0].asked, watches[2].asked) == ([3], [3])
    assert [len(records(one)) for one in homes] == [3, 6, 3]
    for one in (homes[0], homes[2]):
        (one.path / "summary.json").unlink()
    assert work_in_each([homes[0], homes[2]], watches=[watches[0], watches[2]]) == [Outcome("pruned")] * 2


def test_by_a_stack_that_has_failed_each_is_watched_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> Any:
        for number, event in enumerate(in_turn(*given)):
            if number == 6:
                raise RuntimeError("out of memory")
            yield event

    monkeypatch.setattr(together, "fit_stack", broken)
    monkeypatch.setattr(work_together, "unstackable", lambda _: "")
    homes = [home(tmp_path / f"{seed}", seed) for seed in range(2)]
    found = work_in_each(homes, watches=[At(2), At(0)])
    assert [one.status for one in found] == ["pruned", "finished"]


def test_the_sinks_are_told_of_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(session.Sinks, "end", lambda _, said: told.append(said["status"]))
    alone(home(tmp_path), At(3))
    assert told == ["pruned"]
