"""Sweeps as a person meets them: real processes that are killed, share work, and fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from filelock import FileLock
from omegaconf import DictConfig

from regbench.records.status import Status
from regbench.runs.interruption import StopRequest
from regbench.runs.work import Outcome
from regbench.sweeps import members
from regbench.sweeps.members import LATE, Members
from tests import processes

ROOT = Path(__file__).parents[2]
QUICK = ["train.epochs=1", "train.batch_size=32", "model.width=8", "dataset.num_train=97", "device=cpu"]
LINE = ["-m", "+reg=[],dropout", *QUICK]


def cli(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return processes.run(*words, cwd=folder)


def folders(tmp_path: Path, name: str = "digits_mlp") -> dict[str, Path]:
    """The jobs' folders by stack and seed, and when each was last written to."""
    return {path.name.rsplit("_", 1)[0]: path for path in (tmp_path / "outputs" / "sweeps" / name).iterdir()}


def written(tmp_path: Path) -> dict[str, int]:
    return {name: (path / "summary.json").stat().st_mtime_ns for name, path in folders(tmp_path).items()}


def test_the_same_line_runs_only_what_is_not_finished(tmp_path: Path) -> None:
    assert cli(tmp_path, "train", *LINE, "seed=0").returncode == 0
    before = written(tmp_path)
    assert set(before) == {"baseline_seed0", "dropout_seed0"}
    more = cli(tmp_path, "train", *LINE, "seed=0,1")
    assert more.returncode == 0, more.stderr
    after = written(tmp_path)
    assert set(after) == {f"{stack}_seed{seed}" for stack in ("baseline", "dropout") for seed in (0, 1)}
    assert {name: after[name] for name in before} == before
    assert "4 of 4 jobs finished" in more.stdout
    plan = cli(tmp_path, "plan", *LINE, "seed=0,1,2")
    assert plan.returncode == 0, plan.stderr
    assert "6 jobs, 4 done, 2 left: about " in plan.stdout
    assert set(written(tmp_path)) == set(after), "a plan starts nothing"
    (folders(tmp_path)["dropout_seed1"] / "summary.json").unlink()
    forced = cli(tmp_path, "train", *LINE, "seed=0", "--force")
    assert forced.returncode == 0, forced.stderr
    assert len([path for path in (tmp_path / "outputs/sweeps/digits_mlp").iterdir()]) == 6


def test_two_processes_share_a_sweep_and_run_no_job_twice(tmp_path: Path) -> None:
    words = ["train", *LINE, "seed=0,1,2", "train.epochs=6", "sweep=shared"]
    words.remove("train.epochs=1")
    with processes.start(*words, cwd=tmp_path) as one, processes.start(*words, cwd=tmp_path) as other:
        statuses = [process.wait(300) for process in (one, other)]
        said = [process.out + process.err for process in (one, other)]
    assert statuses == [0, 0], said
    assert all("6 of 6 jobs finished" in text for text in said)
    for folder in folders(tmp_path, "shared").values():
        epochs = [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert epochs == [1, 2, 3, 4, 5, 6]
        assert json.loads((folder / "summary.json").read_text())["status"] == "finished"


def records(root: Path) -> dict[str, Any]:
    """Of each job its records and its audit, times aside."""
    found: dict[str, Any] = {}
    for folder in root.iterdir():
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        kept = [{name: value for name, value in line.items() if "time/" not in name} for line in lines]
        summary = json.loads((folder / "summary.json").read_text())
        found[folder.name] = kept, summary["audit"], summary["config"]
    return found


@pytest.mark.parametrize("other", ["basic", pytest.param("joblib", marks=pytest.mark.long)])
def test_a_job_leaves_the_same_alone_and_by_whatever_launcher(tmp_path: Path, other: str) -> None:
    sweeps = tmp_path / "outputs" / "sweeps"
    for name in ("side_by_side", other):
        words = ["seed=3,4", f"sweep={name}", f"hydra/launcher={name}"]
        done = cli(tmp_path, "train", *LINE, *words)
        assert done.returncode == 0, done.stderr
    found = {name: records(sweeps / name) for name in ("side_by_side", other)}
    for several in found.values():
        for *_, config in several.values():
            del config["sweep"]
    assert found["side_by_side"] == found[other]
    assert cli(tmp_path, "train", "+reg=dropout", *QUICK, "seed=4", "hydra.run.dir=alone/run").returncode == 0
    alone = records(tmp_path / "alone")["run"]
    del alone[2]["sweep"]
    (same,) = [one for name, one in found[other].items() if name.startswith("dropout_seed4")]
    assert alone == same


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_a_signal_stops_jobs_side_by_side_after_their_step_and_the_line_goes_on(
    tmp_path: Path, number: int
) -> None:
    line = ["train", *LINE, "seed=0", "train.epochs=400"]
    line.remove("train.epochs=1")
    with processes.start(*line, cwd=tmp_path) as process:
        wait_for(lambda: len(list(tmp_path.glob("outputs/sweeps/*/*/last.pt"))) == 2)
        process.send_signal(number)
        assert process.wait(60) == 130
        assert "0 of 2 jobs have ended; the same line goes on" in process.out
        assert process.err.count("stopping after this step") == 1, "not once for each worker"
    for folder in folders(tmp_path).values():
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["status"] == "interrupted"
    before = {
        name: len(lines) for name, (lines, *_) in records(tmp_path / "outputs/sweeps/digits_mlp").items()
    }
    assert all(0 < epochs < 400 for epochs in before.values())


def test_a_killed_worker_loses_no_job_and_its_work_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    line = ["train", *[word for word in LINE if "epochs" not in word], "seed=0,1", "train.epochs=40"]
    with processes.start(*line, "sweep=killed", cwd=tmp_path) as process:
        wait_for(lambda: len(list(tmp_path.glob("outputs/sweeps/*/*/last.pt"))) == 2)
        (server,) = children(process.pid)
        os.kill(children(server)[0], signal.SIGKILL)
        assert process.wait(120) == 0, process.out + process.err
        assert "4 of 4 jobs finished" in process.out
    assert cli(tmp_path, *line, "sweep=whole", "hydra/launcher=basic").returncode == 0
    killed, whole = (records(tmp_path / "outputs" / "sweeps" / name) for name in ("killed", "whole"))
    assert {name: one[:2] for name, one in killed.items()} == {name: one[:2] for name, one in whole.items()}


def children(pid: int) -> list[int]:
    """Of a process, by Linux's word."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_one_failed_job_does_not_end_the_others(tmp_path: Path) -> None:
    done = cli(tmp_path, "train", "-m", "train.lr=1e30,0.05", *QUICK, "seed=0")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "1 of 2 jobs finished" in done.stdout
    assert "diverged: " in done.stdout
    (command,) = [
        line.strip() for line in done.stdout.splitlines() if line.startswith("  regbench train -m ")
    ]
    assert "train.lr=1e+30" in command
    assert command.endswith("--force")
    assert "lr=0.05" not in command


FAULTY = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, in_shape, num_classes, faulty):
        super().__init__(nn.Flatten(), nn.Linear(in_shape[0] * in_shape[1] * in_shape[2], num_classes))
        self.faulty = faulty
    def train(self, mode=True):
        if self.faulty and not mode and getattr(self, "steps", 0):
            raise AssertionError("a fault of its own")
        return super().train(mode)
    def forward(self, inputs):
        self.steps = getattr(self, "steps", 0) + self.training
        return super().forward(inputs)
"""


@pytest.mark.parametrize(
    "launcher",
    ["side_by_side", *(pytest.param(name, marks=pytest.mark.long) for name in ("basic", "joblib"))],
)
def test_no_more_jobs_are_started_after_the_first_failed_one_where_that_is_asked_for(
    tmp_path: Path, launcher: str
) -> None:
    (tmp_path / "nets.py").write_text(FAULTY)
    words = ["model=own", "model._target_=nets.Net", "+model.faulty=false,true", f"hydra/launcher={launcher}"]
    words += [word for word in QUICK if not word.startswith("model.")] + ["seed=0,1,2"]
    words += ["hydra.launcher.n_jobs=1"] if launcher != "basic" else []
    done = cli(tmp_path, "train", "-m", "--fail-fast", *words)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "3 of 6 jobs finished" in done.stdout
    assert "AssertionError: a fault of its own" in done.stdout
    assert done.stdout.count("  regbench train -m ") == 1
    assert "2 jobs were not started, because one has failed (--fail-fast)" in done.stdout
    assert len(list((tmp_path / "outputs" / "sweeps").glob("*/*"))) == 4
    assert "5 of 6" not in cli(tmp_path, "train", "-m", *words).stdout


def test_a_job_that_diverges_has_not_failed(tmp_path: Path) -> None:
    done = cli(tmp_path, "train", "-m", "--fail-fast", "train.lr=1e30,0.05", *QUICK, "seed=0")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "1 of 2 jobs finished" in done.stdout
    assert "not started" not in done.stdout


@pytest.mark.parametrize("command", ["train", "resume"])
def test_a_folder_that_a_living_process_holds_is_refused(tmp_path: Path, command: str) -> None:
    assert cli(tmp_path, "train", "hydra.run.dir=run", *QUICK).returncode == 0
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    with FileLock(tmp_path / "run" / ".lock"):
        words = ["hydra.run.dir=run", *QUICK] if command == "train" else ["run"]
        done = cli(tmp_path, command, *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "another process works in it" in done.stderr
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before


@pytest.mark.parametrize(
    ("wanted", "left"),
    [("none", set()), ("last", {"last.pt"}), ("best", {"best.pt"}),
     ("all", {"last.pt", "best.pt", "epoch_0001.pt", "epoch_0002.pt"})],
)  # fmt: skip
def test_a_run_leaves_the_checkpoints_that_are_wanted(tmp_path: Path, wanted: str, left: set[str]) -> None:
    quick = ["train.epochs=2", *QUICK[1:]]
    assert cli(tmp_path, "train", f"checkpoints={wanted}", "hydra.run.dir=run", *quick).returncode == 0
    assert {path.name for path in (tmp_path / "run").glob("*.pt")} == left


def test_besides_checkpoints_a_run_of_20_epochs_is_small(tmp_path: Path) -> None:
    quick = ["train.epochs=20", "checkpoints=none", *QUICK[1:]]
    assert cli(tmp_path, "train", "+reg=[dropout,l2]", "hydra.run.dir=run", *quick).returncode == 0
    assert sum(path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.is_file()) < 300_000


@pytest.mark.long
def test_a_sweep_that_is_killed_and_damaged_ends_as_an_undisturbed_one() -> None:
    faults = ["killed", "truncated", "raising"]
    chaos = ["scripts/chaos", "--jobs", "4", "--kills", "2", "--only", *faults]
    done = subprocess.run([sys.executable, *chaos], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == len(faults)


def test_ctrl_c_while_a_job_ends_by_itself_ends_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    signals = [signal.SIGINT]

    def ending(*_: object) -> Outcome:
        with StopRequest():
            for number in signals:
                signal.raise_signal(number)  # after the last step
        return Outcome(Status.FINISHED)

    monkeypatch.setattr(members, "_try", ending)
    monkeypatch.setattr(members, "HydraConfig", MagicMock())
    with pytest.raises(KeyboardInterrupt):
        Members()(DictConfig({}))
    signals.clear()
    assert Members()(DictConfig({})).status == Status.FINISHED


def test_a_job_whose_time_has_passed_is_not_started_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hydra = MagicMock()
    hydra.get.return_value.runtime.output_dir = str(tmp_path / "job")
    monkeypatch.setattr(members, "HydraConfig", hydra)
    monkeypatch.setattr(members, "_try", lambda *_: Outcome(Status.FINISHED))
    forgotten: list[Path] = []
    monkeypatch.setattr(members, "forget", forgotten.append)
    now = time.time()
    cases = [
        ({"job": now - 1}, LATE),
        ({"job": now + 60}, Status.FINISHED),
        ({"other": 0.0}, Status.FINISHED),
    ]
    for latest, status in cases:
        assert Members(latest=latest)(DictConfig({})).status == status
    assert forgotten == [tmp_path / "job"]
