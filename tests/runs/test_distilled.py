"""Runs that learn from another run, on the command line: found again, gone on with, loaded without it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import regbench
from regbench.storage import checkpoint
from tests import processes
from tests.conftest import CSV

QUICK = ["dataset.num_train=97", "train.batch_size=32", "threads=1", "device=cpu", "schedule=constant"]
LEARNS = ["model.width=8", "+reg=[distillation,mixup]", "reg.distillation.teacher=teacher"]
NET = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self, in_shape, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(in_shape[0] * in_shape[1] * in_shape[2], num_classes))
"""


def cli(folder: Path, *words: str) -> str:
    done = processes.run(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(folder: Path, *words: str) -> str:
    done = processes.run(*words, cwd=folder)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr.strip()


def train(folder: Path, name: str, *words: str) -> Path:
    cli(folder, "train", *QUICK, *words, f"hydra.run.dir={name}")
    return folder / name


def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


def last(run: Path) -> dict[str, Any]:
    return checkpoint.load(run / "last.pt")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a teacher, a student of one epoch, and one of three."""
    home = tmp_path_factory.mktemp("taught")
    train(home, "teacher", "model=cnn", "model.width=4", "train.epochs=2", "seed=5")
    train(home, "student", *LEARNS, "train.epochs=1")
    train(home, "whole", *LEARNS, "train.epochs=3")
    return home


@pytest.fixture
def home(taught: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed, in which paths lead there."""
    return Path(shutil.copytree(taught, tmp_path / "home"))


def moved(home: Path, taught: Path) -> None:
    """The lines of the copy as if they had been typed there."""
    for record in home.glob("*/.hydra/hydra.yaml"):
        record.write_text(record.read_text().replace(str(taught), str(home)))


def test_the_same_teacher_elsewhere_is_the_same_run_and_the_record_says_which(
    home: Path, taught: Path
) -> None:
    other = home.parent / "other"
    shutil.move(home / "teacher", other)
    words = [
        "model.width=8",
        "+reg=[distillation,mixup]",
        f"reg.distillation.teacher={other}",
        "train.epochs=1",
    ]
    again = train(home, "again", *words)
    assert summary(again)["identity"] == summary(taught / "student")["identity"]
    key, _, digest = summary(again)["content"].rpartition("=")
    assert key == "+run:reg.distillation.teacher"
    assert len(digest) == 64


def test_a_teacher_that_was_typed_relative_is_found_from_another_folder(home: Path, taught: Path) -> None:
    moved(home, taught)
    other = home.parent / "other"
    other.mkdir()
    cli(other, "resume", "../home/student", "train.epochs=3")
    one, two = last(home / "student"), last(home / "whole")
    assert one["identity"] == two["identity"]
    assert one["model"].keys() == two["model"].keys()
    assert all(torch.equal(tensor, two["model"][name]) for name, tensor in one["model"].items())
    cli(other, "test", "../home/student")
    assert summary(home / "student")["test"]["reads"] == 1


def test_without_the_teacher_a_student_is_loaded_tested_and_compared(home: Path, taught: Path) -> None:
    moved(home, taught)
    shutil.rmtree(home / "teacher")
    assert regbench.load(home / "student")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    cli(home, "test", "student")
    cli(home, "export", "student", "--to", "exported")
    assert "distillation" in cli(home, "compare", "student", "whole")


def test_a_run_that_goes_on_says_what_it_misses(home: Path, taught: Path) -> None:
    moved(home, taught)
    shutil.rmtree(home / "teacher")
    said = refused(home, "resume", "student", "train.epochs=3")
    expected = f"must be the folder of a finished run, and there is none at '{home}/teacher'"
    assert f"reg.distillation.teacher: {expected}" in said
    assert summary(home / "student")["status"] in ("finished", "interrupted")


def test_another_teacher_in_its_place_is_refused(home: Path, taught: Path) -> None:
    moved(home, taught)
    shutil.rmtree(home / "teacher")
    train(home, "teacher", "model=cnn", "model.width=4", "train.epochs=2", "seed=6")
    said = refused(home, "resume", "student", "train.epochs=3")
    assert "reg.distillation.teacher: must be the run that this one has begun with" in said


def test_a_student_may_teach_where_its_own_teacher_is_gone(home: Path) -> None:
    """Born again: the second generation has the model of the first, which has its teacher no more."""
    shutil.rmtree(home / "teacher")
    words = ["model.width=8", "+reg=distillation", "reg.distillation.teacher=student", "train.epochs=1"]
    run = train(home, "second", *words)
    assert summary(run)["status"] == "finished"
    one, two = (regbench.load(home / name).state_dict() for name in ("student", "second"))
    assert one.keys() == two.keys()


def test_a_sweep_over_seeds_finds_what_is_finished_where_the_teacher_has_moved(home: Path) -> None:
    words = ["train", "-m", *QUICK, "model.width=8", "train.epochs=1", "seed=0,1", "hydra.sweep.dir=sweep"]
    cli(home, *words, "+reg=distillation", "reg.distillation.teacher=teacher")
    done = [folder for folder in (home / "sweep").iterdir() if (folder / "summary.json").exists()]
    assert len(done) == 2
    before = {folder: (folder / "summary.json").stat().st_mtime_ns for folder in done}
    shutil.move(home / "teacher", home / "elsewhere")
    cli(home, *words, "+reg=distillation", "reg.distillation.teacher=elsewhere")
    after = {f: (f / "summary.json").stat().st_mtime_ns for f in (home / "sweep").iterdir() if f in before}
    assert after == before


def test_a_missing_teacher_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    line = ["+reg=distillation", "reg.distillation.teacher=gone"]
    for words in (["train"], ["train", "-m", "seed=0,1"], ["plan", "-m", "seed=0,1"]):
        said = refused(tmp_path, *words, *QUICK, *line)
        assert "reg.distillation.teacher: must be the folder of a finished run, and there is none at" in said
    assert not list(tmp_path.rglob("summary.json"))


def test_a_teacher_made_by_code_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs" / "their_net.py").write_text(NET)
    train(tmp_path / "theirs", "run", "model=own", "model._target_=their_net.Net", "train.epochs=1")
    words = ["+reg=distillation", "train.epochs=1"]
    said = refused(tmp_path / "mine", "train", *QUICK, *words, "reg.distillation.teacher=../theirs/run")
    assert "reg.distillation.teacher: " in said
    assert "their_net" in said
    cli(tmp_path / "theirs", "train", *QUICK, *words, "reg.distillation.teacher=run", "hydra.run.dir=here")


def test_a_pull_towards_a_run_is_gone_on_with_where_that_is_gone(home: Path) -> None:
    train(home, "first", "model.width=8", "train.epochs=2", "seed=7")
    pulled = ["model.width=8", "+reg=l2_sp", "reg.l2_sp.start=first", "reg.l2_sp.strength=1"]
    whole = train(home, "pulled", *pulled, "train.epochs=3")
    part = train(home, "part", *pulled, "train.epochs=1")
    shutil.rmtree(home / "first")
    cli(home, "resume", "part", "train.epochs=3")
    one, other = last(whole), last(part)
    assert one["identity"] == other["identity"]
    assert all(torch.equal(tensor, other["model"][name]) for name, tensor in one["model"].items())
    assert regbench.load(part)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_sentences_are_learned_from_a_teacher_of_another_model(tmp_path: Path) -> None:
    text = ["dataset=text_csv", f"dataset.path={CSV}", "dataset.length=12", "threads=1", "train.epochs=1"]
    rnn, transformer = (
        ["model=rnn", "model.width=8"],
        ["model=transformer", "model.width=8", "model.heads=2"],
    )
    cli(tmp_path, "train", *text, *rnn, "hydra.run.dir=teacher")
    line = ["+reg=distillation", "reg.distillation.teacher=teacher", "hydra.run.dir=student"]
    cli(tmp_path, "train", *text, *transformer, *line)
    assert regbench.load(tmp_path / "student")(["the proud otter"]).shape == (1, 3)
