"""What stands on the board of a sweep, however narrow the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from regbench.records.files import write_summary
from regbench.records.summary import Snapshot, Targets
from regbench.sweeps.jobs import Job
from regbench.sweeps.progress import SweepProgress
from tests.records.made import figures, record

NAMES = [f"dropout+label_smoothing+mixup_seed{seed}_31fffed388" for seed in range(3)]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_names_on_the_board_are_not_broken_within_a_member(tmp_path: Path, width: int) -> None:
    jobs = [Job(number, [], {}, tmp_path / name) for number, name in enumerate(NAMES)]
    for job in jobs:
        job.folder.mkdir()
        (job.folder / "metrics.jsonl").touch()  # begun
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(SweepProgress(console, jobs, workers=3)._table())
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    shown = [word for line in lines for word in re.split(r"[\s+,]+", line) if word]
    for word in re.split(r"[\s+,]+", ", ".join(NAMES)):
        assert word in shown, f"{word} is broken:\n{out.getvalue()}"


def board(jobs: list[Job]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    console.print(SweepProgress(console, jobs)._table())
    return out.getvalue()


def test_the_best_so_far_is_the_first_of_the_best_by_what_select_chooses_by(tmp_path: Path) -> None:
    jobs = [Job(number, [], {}, tmp_path / f"job{number}") for number in range(4)]
    values = [(0.7, 0.9), (0.8, 0.6), (0.8, 0.5), (0.75, 0.95)]  # on select, on val
    for job, (select, val) in zip(jobs, values, strict=True):
        job.folder.mkdir()
        write_summary(job.folder, record(epochs=[figures(val, select=select)]))
    assert re.search(r"best so far +job1, val 0\.6000", board(jobs))


@pytest.mark.parametrize(("monitor", "best"), [(None, "job1, val 0.4000"), ("rmse", "job0, val 0.5000")])
def test_where_numbers_are_predicted_or_another_metric_is_asked_for_the_best_is_by_that(
    tmp_path: Path, monitor: str | None, best: str
) -> None:
    jobs = [Job(number, [], {}, tmp_path / f"job{number}") for number in range(2)]
    measured = [
        {"select/r2": 0.6, "select/rmse": 1.0, "val/r2": 0.5},
        {"select/r2": 0.7, "select/rmse": 2.0, "val/r2": 0.4},
    ]
    for job, metrics in zip(jobs, measured, strict=True):
        job.folder.mkdir()
        whole = replace(
            record(epochs=[figures(0.5)], config={"train": {"monitor": monitor}}),
            best=Snapshot(1, metrics),
            targets=Targets(["y"], "km", [0.0], [1.0], "squared"),
        )
        write_summary(job.folder, whole)
    assert f"best so far   {best}" in re.sub(r"(?<=far) +", "   ", board(jobs))


def test_what_was_given_up_has_ended_and_is_not_the_best(tmp_path: Path) -> None:
    jobs = [Job(number, [], {}, tmp_path / f"job{number}") for number in range(3)]
    for job, status, val in zip(jobs, ("pruned", "finished", "diverged"), (0.9, 0.6, 0.8), strict=True):
        job.folder.mkdir()
        write_summary(job.folder, record(epochs=[figures(val)], status=status))
    shown = re.sub(r" +", " ", board(jobs))
    for line in ("done 3 of 3", "left 0", "failed job2", "pruned job0", "best so far job1, val 0.6000"):
        assert line in shown
    assert "pruned" not in board(jobs[1:])
