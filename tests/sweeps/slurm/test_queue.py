"""What `squeue` and `sacct` say, and what is made of it where they say nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regbench.sweeps.slurm import queue

FORGOTTEN = 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1'
AWAY = 'echo "slurm_load_jobs error: Unable to contact slurm controller" >&2; exit 1'
NO_DATABASE = 'echo "Slurm accounting storage is disabled" >&2; exit 1'


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of commands, which are first on the path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n{script}\n')
    (folder / name).chmod(0o755)


def table(*rows: str) -> str:
    return "\n".join(f"echo '{row}'" for row in rows)


def test_squeue_is_asked_for_whole_arrays_and_sacct_not_at_all(says: Path) -> None:
    command(says, "squeue", table("12_0|RUNNING", "12_1|PENDING", "12_2|FAILED", "13|COMPLETED"))
    command(says, "sacct", "exit 1")
    found = queue.states(["12_0", "12_1", "12_2", "13"])
    assert found == {"12_0": "RUNNING", "12_1": "PENDING", "12_2": "FAILED", "13": "COMPLETED"}
    (asked,) = (says / "asked").read_text().splitlines()
    assert asked.endswith("--jobs=12,13")


def test_what_squeue_has_forgotten_sacct_may_know(says: Path) -> None:
    command(says, "squeue", table("12_0|RUNNING"))
    command(says, "sacct", table("12_1|CANCELLED by 1000", "12_0|RUNNING"))
    assert queue.states(["12_0", "12_1"]) == {"12_0": "RUNNING", "12_1": "CANCELLED"}


@pytest.mark.parametrize("sacct", [NO_DATABASE, "exit 0", "sleep 0; exit 127"])
def test_what_neither_knows_is_unknown_and_has_ended(says: Path, sacct: str) -> None:
    command(says, "squeue", FORGOTTEN)
    command(says, "sacct", sacct)
    assert queue.states(["7"]) == {"7": queue.UNKNOWN}
    assert queue.UNKNOWN in queue.ENDED


def test_a_controller_that_is_away_is_no_answer(says: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(says, "squeue", AWAY)
    command(says, "scancel", AWAY)
    with pytest.raises(queue.Unanswered, match="Unable to contact slurm controller"):
        queue.states(["7"])
    with pytest.raises(queue.Unanswered, match="Unable to contact"):
        queue.cancel(["7_1"])
    command(says, "squeue", "exec sleep 60")
    monkeypatch.setattr(queue, "WAIT", 0.2)
    with pytest.raises(queue.Unanswered, match="squeue gives no answer"):
        queue.states(["7"])


def test_jobs_are_cancelled_by_their_arrays(says: Path) -> None:
    command(says, "scancel", "exit 0")
    assert queue.cancel(["12_0", "12_1", "13"]) == "12, 13"
    assert (says / "asked").read_text() == "12 13\n"
