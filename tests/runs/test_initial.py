"""Runs that start from a file of weights: begun, gone on with, made longer, and loaded where it is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import regbench
from regbench.storage import checkpoint
from tests import processes

QUICK = ["model.width=16", "dataset.num_train=97", "threads=1", "device=cpu", "schedule=constant"]
MEMBERS = ["+reg=[l2_sp,mixup]", "reg.l2_sp.strength=1"]


def train(folder: Path, name: str, *words: str) -> Path:
    done = processes.run("train", *QUICK, *words, f"hydra.run.dir={name}", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / name


def last(run: Path) -> dict[str, Any]:
    return checkpoint.load(run / "last.pt")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("first"), "run", "train.epochs=3", "train.lr=0.3", "seed=5")


def test_a_run_that_is_made_longer_needs_the_file_no_more_and_ends_with_the_same_weights(
    first: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "w.pt"
    weights.write_bytes((first / "best.pt").read_bytes())
    from_it = [f"model.init={weights}", *MEMBERS]
    whole = train(tmp_path, "whole", *from_it, "train.epochs=3")
    part = train(tmp_path, "part", *from_it, "train.epochs=1")
    weights.unlink()
    done = processes.run("resume", "part", "train.epochs=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    one, other = last(whole), last(part)
    assert one["identity"] == other["identity"]
    for name, tensor in one["model"].items():
        assert torch.equal(tensor, other["model"][name]), name
    assert regbench.load(str(part))(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    tested = processes.run("test", "part", cwd=tmp_path)
    assert tested.returncode == 0, tested.stderr


def test_another_file_in_its_place_is_refused_when_the_run_goes_on(first: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    weights.write_bytes((first / "best.pt").read_bytes())
    train(tmp_path, "run", f"model.init={weights}", "train.epochs=1")
    weights.write_bytes((first / "last.pt").read_bytes())
    done = processes.run("resume", "run", "train.epochs=2", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "model: init must be the file that the run has started from" in done.stderr


def test_the_weights_of_a_run_are_those_that_the_next_one_starts_with(first: Path, tmp_path: Path) -> None:
    """A step of no length leaves them, so what is measured after an epoch is what the first run measured."""
    again = train(tmp_path, "again", f"model.init={first}", "train.epochs=1", "train.lr=0", "seed=6")
    before, after = (json.loads((run / "summary.json").read_text()) for run in (first, again))
    assert after["last"]["metrics"]["val/loss"] == before["best"]["metrics"]["val/loss"]
    assert after["content"].startswith("+init:")
