"""Sinks of a person's own, typed: whatever they do, the run is the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from regbench.records.course import read_lines
from tests import processes

QUICK = ("train.epochs=2", "dataset.num_train=64", "train.batch_size=32", "threads=1", "device=cpu")
LINES = """
from dataclasses import dataclass
from regbench.sinks.base import Sink, Start
from regbench.types import Record

@dataclass
class Lines(Sink):
    '''A line for all that it is given, beside the run.'''

    name: str
    raises: str = ""

    def __post_init__(self):
        self._at("init")

    def start(self, run: Start):
        self.path = run.folder.absolute().parent / f"{run.name}.{self.name}"
        self.note("start", run.stack, run.seed, run.epochs, [one.epoch for one in run.history])

    def write(self, record: Record):
        self.note("write", record.epoch)

    def show(self, pictures, epoch=0):
        self.note("show", epoch)

    def tell(self, texts, epoch):
        self.note("tell", epoch)

    def end(self, summary):
        self.note("end", summary["status"])

    def close(self):
        self.note("close")

    def note(self, what, *more):
        with self.path.open("a") as file:
            print(what, *more, file=file)
        self._at(what)

    def _at(self, what):
        if what == self.raises:
            raise KeyError(what)
"""
OPTION = """# @package sinks.{name}
_target_: lines_of_mine.Lines
name: {name}
raises: "{raises}"
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder of a person's own options: one that works, and one that raises in `write`."""
    folder = tmp_path / "mine"
    (folder / "sinks").mkdir(parents=True)
    (folder / "lines_of_mine.py").write_text(LINES)
    for name, raises in (("lines", ""), ("bad", "write")):
        (folder / "sinks" / f"{name}.yaml").write_text(OPTION.format(name=name, raises=raises))
    return folder


def said(folder: Path) -> list[str]:
    """What the working sink of a run was given."""
    return folder.with_name(f"{folder.name}.lines").read_text().splitlines()


def losses(folder: Path) -> list[float]:
    return [one.metrics["val/loss"] for one in read_lines(folder / "metrics.jsonl")[0]]


def train(cwd: Path, *words: str) -> processes.Done:
    done = processes.run("train", "--config-dir", "mine", *words, *QUICK, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done


WHOLE = ["write 1", "write 2", "end finished", "close"]


@pytest.mark.usefixtures("mine")
def test_one_of_a_persons_own_is_given_all_and_one_that_raises_is_told_of_once(tmp_path: Path) -> None:
    plain = train(tmp_path, "hydra.run.dir=plain")
    done = train(tmp_path, "sinks=[bad,lines]", "hydra.run.dir=run")
    line = LINES[: LINES.index("raise KeyError")].count("\n") + 1
    (told,) = [line for line in done.stdout.splitlines() if "sinks" in line]
    assert told == (
        "warning: sinks.bad failed in write and is given nothing more: KeyError: 'write' "
        f"(lines_of_mine.py, line {line}); trace in run/train.log"
    )
    assert (tmp_path / "run" / "train.log").read_text().count("KeyError: 'write'") == 1
    assert said(tmp_path / "run") == ["start baseline 0 2 []", *WHOLE]
    assert (tmp_path / "run.bad").read_text().splitlines() == ["start baseline 0 2 []", "write 1", "close"]
    assert not (tmp_path / "run" / "tensorboard").exists()
    assert "tensorboard --logdir" in plain.stdout
    assert "tensorboard" not in done.stdout
    assert losses(tmp_path / "run") == losses(tmp_path / "plain")
    summaries = [json.loads((tmp_path / name / "summary.json").read_text()) for name in ("run", "plain")]
    assert summaries[0]["identity"] == summaries[1]["identity"]


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("raises", ["start", "init", "tell", "end", "close"])
def test_it_may_raise_anywhere(tmp_path: Path, raises: str) -> None:
    words = ("evaluate=[per_class]", "hydra.run.dir=run")
    done = train(tmp_path, "sinks=[bad,lines]", f"sinks.bad.raises={raises}", *words)
    assert done.stdout.count("sinks.bad failed") == done.stdout.count("sinks") == 1
    assert len(losses(tmp_path / "run")) == 2
    assert [one for one in said(tmp_path / "run") if one[:4] in ("writ", "end ", "clos")] == WHOLE


@pytest.mark.usefixtures("mine")
def test_a_resumed_run_tells_a_new_one_its_history(tmp_path: Path) -> None:
    train(tmp_path, "sinks=[lines]", "schedule=constant", "hydra.run.dir=run")
    words = ("resume", "run", "train.epochs=3")
    done = processes.run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "sinks.lines._target_: no module named 'lines_of_mine'" in done.stderr
    assert "regbench resume run train.epochs=3 --trust" in done.stderr
    done = processes.run(*words, "--trust", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    begun = ["start baseline 0 2 []", "start baseline 0 3 [1, 2]"]
    assert said(tmp_path / "run") == [begun[0], *WHOLE, begun[1], "write 3", "end finished", "close"]


@pytest.mark.usefixtures("mine")
def test_a_run_is_read_without_its_sinks(tmp_path: Path) -> None:
    train(tmp_path, "sinks=[lines]", "hydra.run.dir=run")
    shutil.rmtree(tmp_path / "mine")
    for words in (["test", "run"], ["export", "run", "--to", "out"]):
        done = processes.run(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("replicas", ["off", "2"])
def test_jobs_of_a_sweep_have_their_own_and_what_fails_is_a_note_of_the_job(
    tmp_path: Path, replicas: str
) -> None:
    words = ["-m", "seed=0,1", "sweep=s", f"replicas={replicas}", "hydra/launcher=basic"]
    words = words if replicas == "off" else words[:-1]
    done = train(tmp_path, *words, "sinks=[lines,bad]")
    folders = [
        path for path in (tmp_path / "outputs/sweeps/s").iterdir() if (path / "summary.json").is_file()
    ]
    assert len(folders) == 2
    for folder in folders:
        note = f"{folder.name}: sinks.bad failed in write and is given nothing more: KeyError: 'write' "
        assert done.stdout.count(note) == 1
        assert said(folder)[1:] == WHOLE
        assert (folder / "train.log").read_text().count("KeyError: 'write'") == 1
    again = train(tmp_path, *words, "sinks=[]")
    assert "2 of 2 jobs finished" in again.stdout
    assert "failed" not in again.stdout  # the same jobs, which have ended


def test_a_package_that_is_not_there_is_refused_before_the_run(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['wandb'] = None; from regbench.cli import main; main()"
    assert _refused(tmp_path, ["sinks=[wandb]"], hidden) == (
        "regbench: sinks.wandb: needs wandb; type pip install 'regbench[wandb]'\n"
    )


def test_a_wrong_value_is_refused_before_the_run(tmp_path: Path) -> None:
    words = ["sinks=[wandb]", "sinks.wandb.mode=onlin"]
    assert _refused(tmp_path, words).startswith("regbench: sinks.wandb.mode: must be one of offline, online")


def _refused(folder: Path, words: Sequence[str], code: str = "") -> str:
    done = processes.run("train", *words, *QUICK, cwd=folder, code=code)
    assert done.returncode == 2
    assert list(folder.iterdir()) == []
    return done.stderr
