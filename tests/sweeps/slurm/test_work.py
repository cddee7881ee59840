"""A job of Slurm's near its time limit: it stops after its step, and is queued again where that is of use."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regbench.assembly.device import cores
from regbench.records.files import METRICS
from regbench.runs.interruption import StopRequest
from regbench.sweeps.losses import WorkerLost
from regbench.sweeps.slurm import work
from regbench.sweeps.slurm.work import Work

ASKED = ["scontrol", "requeue", "12_3"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What Slurm is asked; signals are what they were afterwards."""
    pytest.importorskip("submitit", reason="submitit is not installed (the extra slurm)")
    numbers = (signal.SIGTERM, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in numbers}
    for name, value in (("SLURM_JOB_ID", "15"), ("SLURM_ARRAY_JOB_ID", "12"), ("SLURM_ARRAY_TASK_ID", "3")):
        monkeypatch.setenv(name, value)
    said: list[list[str]] = []

    def run(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        said.append(words)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", run)
    yield said
    for number in numbers:
        signal.signal(number, before[number])


def of(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, epochs: int) -> Work:
    """A job to which a signal comes in the middle of its run, when so many epochs have ended."""

    def done(self: Work) -> None:
        with StopRequest() as request:
            (self.folder / METRICS).write_text("{}\n" * epochs)
            signal.raise_signal(number)
            assert request.made, "it stops after its step"
        raise KeyboardInterrupt

    monkeypatch.setattr(Work, "_done", done)
    nothing: Any = None
    return Work(nothing, nothing, nothing, [], 0, folder, nothing, [])


def test_near_its_time_limit_it_is_queued_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> None:
    with pytest.raises(SystemExit):
        of(tmp_path, monkeypatch, signal.SIGUSR2, epochs=1)()
    assert asked[-1] == ASKED


def test_without_a_new_epoch_that_would_be_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> None:
    lost = of(tmp_path, monkeypatch, signal.SIGUSR2, epochs=0)()
    assert isinstance(lost, WorkerLost)
    assert "TIMEOUT" in str(lost)
    assert ASKED not in asked


def test_by_another_signal_it_only_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> None:
    with pytest.raises(SystemExit):
        of(tmp_path, monkeypatch, signal.SIGTERM, epochs=1)()
    assert ASKED not in asked


def test_it_is_called_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]
) -> None:
    with pytest.raises(SystemExit):
        of(tmp_path, monkeypatch, signal.SIGTERM, epochs=1)()
    assert asked[0] == ["scontrol", "update", "JobId=12_3", f"JobName={tmp_path.name}"]


def test_outside_its_run_a_signal_ends_it_at_once(tmp_path: Path, asked: list[list[str]]) -> None:
    for number in (signal.SIGTERM, signal.SIGUSR2):
        child = os.fork()
        if not child:
            StopRequest.pending = False
            with work.TimeLimit():
                signal.raise_signal(number)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == work.STOPPED


def test_it_computes_with_no_more_threads_than_it_has_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    there = cores()
    for given, expected in (("1", 1), ("1000", there), ("", there), ("many", there), ("0", there)):
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", given)
        assert cores() == expected
