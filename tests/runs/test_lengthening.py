"""A run made longer ends as the longer run would have, to the bit, or is refused."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from tests import processes
from tests.sampling import some_of

SMALL = ["train.batch_size=32", "model.width=8", "dataset.num_train=97", "threads=1", "device=cpu"]
CONSTANT = ["schedule=constant", *SMALL]
STACK = ["+reg=[dropout,ema,early_stopping,sam]", "reg.early_stopping.patience=100"]


def cli(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return processes.run(*words, cwd=folder)


def done(folder: Path, *words: str) -> str:
    finished = cli(folder, *words)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def refused(folder: Path, *words: str) -> str:
    """What is said of a line that changes nothing."""
    before = content(folder / "run") if (folder / "run").exists() else {}
    ended = cli(folder, *words)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert not before or content(folder / "run") == before
    return ended.stderr.removeprefix("regbench: ").strip()


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def records(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{n: v for n, v in json.loads(line).items() if not n.startswith("time/")} for line in lines]


def summary(folder: Path) -> dict[str, Any]:
    said = json.loads((folder / "summary.json").read_text())
    untimed = {
        name: value for name, value in said.items() if name not in ("seconds", "ended", "peak_memory_mb")
    }
    for part in ("last", "best", "kept"):
        if untimed.get(part):
            metrics = untimed[part]["metrics"]
            untimed[part]["metrics"] = {n: v for n, v in metrics.items() if not n.startswith("time/")}
    return untimed


def same(one: Path, other: Path) -> None:
    """Records, summary, weights and recorded configuration are equal, times excepted."""
    assert records(one) == records(other)
    assert summary(one) == summary(other)
    for name in ("last.pt", "best.pt"):
        ours, theirs = (torch.load(folder / name, weights_only=True) for folder in (one, other))
        equal(ours, theirs)
    record = [OmegaConf.load(folder / ".hydra" / "config.yaml") for folder in (one, other)]
    assert record[0] == record[1]


def equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            if name != "seconds" and not str(name).startswith("time/"):
                equal(one[name], other[name])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for ours, theirs in zip(one, other, strict=True):
            equal(ours, theirs)
    else:
        assert one == other


def test_a_finished_run_made_longer_is_the_longer_run(tmp_path: Path) -> None:
    words = [*STACK, *CONSTANT, "train.evaluate_every=2"]
    done(tmp_path, "train", *words, "train.epochs=4", "hydra.run.dir=run")
    done(tmp_path, "train", *words, "train.epochs=7", "hydra.run.dir=whole")
    done(tmp_path, "resume", "run", "train.epochs=7")
    same(tmp_path / "run", tmp_path / "whole")
    assert list(OmegaConf.load(tmp_path / "run" / ".hydra" / "overrides.yaml")) == [*words, "train.epochs=7"]
    assert "nothing to continue" in done(tmp_path, "resume", "run")
    sentence = refused(tmp_path, "resume", "run", "train.epochs=7")
    assert sentence == "train.epochs: must be more than the 7 that are done, got 7"


def test_a_run_that_is_stopped_while_it_is_made_longer_goes_on(tmp_path: Path) -> None:
    done(tmp_path, "train", *CONSTANT, "train.epochs=2", "hydra.run.dir=run")
    done(tmp_path, "train", *CONSTANT, "train.epochs=60", "hydra.run.dir=whole")
    with processes.start("resume", "run", "train.epochs=60", cwd=tmp_path) as process:
        while process.poll() is None and len(records_so_far(tmp_path / "run")) < 5:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    between = summary(tmp_path / "run")
    assert (between["status"], between["epochs"]["planned"]) == ("interrupted", 60)
    done(tmp_path, "resume", "run")
    same(tmp_path / "run", tmp_path / "whole")


def records_so_far(folder: Path) -> list[str]:
    return (folder / "metrics.jsonl").read_text().split("\n")[:-1]


def test_a_job_of_a_sweep_made_longer_is_a_job_of_the_longer_line(tmp_path: Path) -> None:
    line = ["-m", *CONSTANT[:-2], "device=cpu", "sweep=s"]
    done(tmp_path, "train", *line, "train.epochs=1")
    (run,) = (tmp_path / "outputs" / "sweeps" / "s").iterdir()
    said = done(tmp_path, "resume", str(run.relative_to(tmp_path)), "train.epochs=2")
    (there,) = (tmp_path / "outputs" / "sweeps" / "s").iterdir()
    assert there.name != run.name
    assert f"is called {there.relative_to(tmp_path)} from now on" in said
    assert "1 jobs, 1 done, 0 left" in done(tmp_path, "plan", *line[1:], "train.epochs=2")
    assert "1 jobs, 0 done, 1 left" in done(tmp_path, "plan", *line[1:], "train.epochs=1")
    assert run.name not in (there / ".hydra" / "hydra.yaml").read_text()
    assert summary(there)["identity"].startswith(there.name.rpartition("_")[2])
    done(tmp_path, "train", *line, "train.epochs=1")
    taken = cli(tmp_path, "resume", str(run), "train.epochs=2")
    assert taken.returncode == 2
    assert "train.epochs: the run of 2 epochs is there already" in taken.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([*SMALL], "schedule: follows the length of the run, so 3 epochs do not begin as 2 do"),
        pytest.param(
            [*SMALL, "schedule=step", "schedule.milestones=[0.6]"],
            "schedule: follows the length of the run",
            marks=pytest.mark.long,
        ),
        (
            [*CONSTANT, "+reg=confidence_penalty", "reg.confidence_penalty.ramp=0.5"],
            "reg.confidence_penalty: follows",
        ),
        ([*CONSTANT, "+reg=sample_pairing"], "reg.sample_pairing: follows the length of the run"),
        (
            [*CONSTANT, "train.evaluate_every=3"],
            "train.evaluate_every: epoch 2 was evaluated as the last one",
        ),
        (
            [*CONSTANT, "checkpoints=best"],
            "train.epochs: run holds no last.pt to go on with, as checkpoints=best",
        ),
        pytest.param(
            [*CONSTANT, "checkpoints=last"],
            "train.epochs: run holds no best.pt to go on with, as checkpoints=last",
            marks=pytest.mark.long,
        ),
        (
            [*CONSTANT, "+reg=early_stopping", "reg.early_stopping.patience=${train.epochs}"],
            "reg.early_stopping.patience: follows train.epochs",
        ),
    ],
)
def test_a_run_that_a_longer_one_does_not_begin_with_is_refused(
    tmp_path: Path, words: list[str], sentence: str
) -> None:
    done(tmp_path, "train", *words, "train.epochs=2", "hydra.run.dir=run")
    said = refused(tmp_path, "resume", "run", "train.epochs=3")
    assert said.startswith(sentence)
    instead = said.rpartition("type ")[2]
    assert instead.startswith("regbench train ")
    assert instead.endswith(" train.epochs=3")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["+reg=confidence_penalty"], marks=pytest.mark.long),
        ["+reg=[dropout,sample_pairing]", "reg.sample_pairing.p=0"],
    ],
)
def test_a_member_whose_ramp_is_off_does_not_stand_in_the_way(tmp_path: Path, words: list[str]) -> None:
    done(tmp_path, "train", *CONSTANT, *words, "train.epochs=1", "hydra.run.dir=run")
    done(tmp_path, "train", *CONSTANT, *words, "train.epochs=2", "hydra.run.dir=whole")
    done(tmp_path, "resume", "run", "train.epochs=2")
    same(tmp_path / "run", tmp_path / "whole")


def test_a_run_that_a_member_stopped_has_nothing_to_extend(tmp_path: Path) -> None:
    stops = ["+reg=early_stopping", "reg.early_stopping.patience=1", "reg.early_stopping.min_delta=1000"]
    done(tmp_path, "train", *CONSTANT, *stops, "train.epochs=9", "hydra.run.dir=run")
    said = refused(tmp_path, "resume", "run", "train.epochs=20")
    assert said == (
        "train.epochs: run was stopped by a member after epoch 2, as a longer run would; there is nothing to extend"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    some_of([
        (["train.lr=0.1"], "train.lr: cannot be changed, as resume takes train.epochs=N alone, got 'train.lr=0.1'"),
        (["epochs=4"], "epochs: cannot be changed, as resume takes train.epochs=N alone, got 'epochs=4'; did you mean 'train.epochs'?"),
        (["train.epochs"], "train.epochs: cannot be changed, as resume takes train.epochs=N alone, got 'train.epochs'; did you mean 'train.epochs'?"),
        (["train.epochs=1.5"], "train.epochs: must be a whole number, got '1.5'"),
        (["train.epochs=many"], "train.epochs: must be a whole number, got 'many'"),
        (["train.epochs=-3"], "train.epochs: must be a whole number, got '-3'"),
        (["train.epochs=0"], "train.epochs: must be more than the 1 that are done, got 0"),
        (["train.epochs=1"], "train.epochs: must be more than the 1 that are done, got 1"),
        (["train.epochs=2", "train.epochs=3"], "train.epochs: given twice, as train.epochs=2 and as train.epochs=3"),
    ], every=3),
)  # fmt: skip
def test_only_a_larger_number_of_epochs_is_taken(run: Path, words: list[str], sentence: str) -> None:
    assert refused(run, "resume", "run", *words) == sentence


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of one epoch."""
    folder = tmp_path_factory.mktemp("one")
    done(folder, "train", *CONSTANT, "train.epochs=1", "hydra.run.dir=run")
    return folder


def test_a_number_of_epochs_may_be_typed_with_a_point(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "run", tmp_path / "run")
    done(tmp_path, "test", "run")
    done(tmp_path, "resume", "train.epochs=2.0", "run")  # in any order
    assert summary(tmp_path / "run")["epochs"] == {"planned": 2, "done": 2}
    assert summary(tmp_path / "run")["test"] == {"reads": 1}, "the figures were those of other weights"
    done(tmp_path, "test", "run")
    assert summary(tmp_path / "run")["test"]["reads"] == 2
