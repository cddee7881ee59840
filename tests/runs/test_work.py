"""One way to run a job in a folder, by three policies."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
from pathlib import Path

import pytest
import torch
from rich.console import Console

from regbench.errors import ConfigError
from regbench.folders.lock import locked
from regbench.folders.ownership import Place
from regbench.runs import session, work
from regbench.runs.checkpoints import Keeper
from regbench.runs.folder import RunFolder
from regbench.runs.work import LOCKED, REFUSED, Outcome, Policy, work_in
from regbench.training.loop import EpochEnd
from tests.conftest import tiny


def home(folder: Path, **train: int) -> RunFolder:
    folder.mkdir(exist_ok=True)
    return RunFolder(tiny("mlp", **train), folder, {}, Console(file=io.StringIO()))


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run that has been stopped after its first epoch."""
    keep = Keeper.keep

    def stopping(self: Keeper, event: EpochEnd, due: bool) -> None:
        keep(self, event, due)
        signal.raise_signal(signal.SIGINT)

    begun = home(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", stopping)
        assert session.train(begun) == "interrupted"
    return begun


@pytest.mark.parametrize("policy", Policy)
def test_by_every_policy_a_new_folder_gets_a_whole_run_once(policy: Policy, tmp_path: Path) -> None:
    run = home(tmp_path / "run")
    assert work_in(run, policy) == Outcome("finished")
    before = (tmp_path / "run" / "summary.json").read_bytes()
    again = work_in(run, policy)
    if policy is Policy.FRESH:
        assert (again.status, again.exit_code) == (REFUSED, 2)
        assert "holds a checkpoint to continue; type regbench resume" in again.reason
    else:
        assert again == Outcome("finished", idle=True)
    assert (tmp_path / "run" / "summary.json").read_bytes() == before


def test_what_was_begun_is_refused_gone_on_with_or_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = home(tmp_path / "whole")
    session.train(whole)
    for policy in (Policy.CONTINUE, Policy.MEND):
        run = interrupted(tmp_path / policy.value, monkeypatch)
        assert work_in(run, Policy.FRESH).status == REFUSED
        assert work_in(run, policy) == Outcome("finished")
        assert (run.path / "best.pt").stat().st_size == (whole.path / "best.pt").stat().st_size


def test_damage_is_refused_or_begun_again_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = interrupted(tmp_path / "run", monkeypatch)
    (run.path / "last.pt").write_bytes(b"half")
    refused = work_in(run, Policy.CONTINUE)
    assert refused.status == REFUSED
    assert refused.reason.startswith(f"{run.path}: last.pt is no whole checkpoint: ")
    assert isinstance(refused.error, ConfigError)
    told: list[str] = []
    assert work_in(run, Policy.MEND, told.append) == Outcome("finished")
    assert len(told) == 1
    assert told[0].endswith("; it was run again from the start")


def test_where_it_then_fails_what_was_damaged_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = interrupted(tmp_path / "run", monkeypatch)
    (run.path / "last.pt").write_bytes(b"half")

    def full(_: RunFolder) -> str:
        raise OSError(28, "No space left on device", "run")

    monkeypatch.setattr(work, "take_up", full)
    told: list[str] = []
    outcome = work_in(run, Policy.MEND, told.append)
    assert (outcome.status, outcome.reason) == (REFUSED, "run: No space left on device")
    assert len(told) == 1


@pytest.mark.parametrize("policy", Policy)
def test_where_another_process_works_nothing_is_touched(policy: Policy, tmp_path: Path) -> None:
    run = home(tmp_path / "run")
    with locked(run.path):
        outcome = work_in(run, policy)
    assert (outcome.status, outcome.exit_code) == (LOCKED, 2)
    assert outcome.reason.startswith(f"{run.path}: process {os.getpid()} on ")
    assert outcome.reason.endswith(" UTC; wait for it, or stop it")
    assert [path.name for path in run.path.iterdir()] == [".lock"]


def test_statuses_are_told_by_what_the_command_line_returns() -> None:
    codes = {
        "finished": 0,
        "stopped": 0,
        "failed": 1,
        REFUSED: 2,
        LOCKED: 2,
        "diverged": 3,
        "interrupted": 130,
    }
    assert {status: Outcome(status).exit_code for status in codes} == codes


def test_an_outcome_travels_between_processes() -> None:
    assert pickle.loads(pickle.dumps(Outcome("failed", "why", "note"))) == Outcome("failed", "why", "note")


def test_where_memory_runs_out_the_size_of_a_step_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(self: Keeper, event: EpochEnd, due: bool) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(Keeper, "keep", out_of_memory)
    outcome = work_in(home(tmp_path / "run", batch_size=16), Policy.FRESH)
    assert (outcome.status, outcome.exit_code) == ("failed", 1)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["reason"] == (
        "train.batch_size: must be smaller, or train.accumulate larger, got 16: "
        "out of memory where 20.00 MiB more were asked for, after epoch 1"
    )
    assert "OutOfMemoryError" in (tmp_path / "run" / "train.log").read_text()


@pytest.mark.parametrize("name", ["last.pt", "previous.pt", "best.pt", "summary.json"])
def test_what_was_being_written_when_the_folder_was_taken_over_does_not_take_its_place(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    run = interrupted(folder, monkeypatch)
    before = (folder / name).read_bytes() if (folder / name).exists() else None
    lost: list[str] = []

    def require(self: Place) -> None:
        lost.extend(
            path.name for path in folder.glob(f"{name}.*.tmp")
        )  # written, when the process is stopped
        if lost:
            raise ConfigError("run: was taken over")

    monkeypatch.setattr(Place, "require", require)
    assert work_in(run, Policy.CONTINUE).reason == "run: was taken over"
    assert lost
    assert ((folder / name).read_bytes() if (folder / name).exists() else None) == before
    assert not list(folder.glob("*.tmp"))
