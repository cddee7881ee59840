"""Code of a person's own that fails once training has begun: one sentence, and what is needed to go on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests import processes

SOURCE = """from torch import nn
from regbench.regularizers.base import Regularizer
from dataclasses import dataclass
from typing import ClassVar
import os, threading

class Net(nn.Module):
    def __init__(self, num_classes, kind: str, at: int):
        super().__init__()
        self.kind, self.at, self.seen, self.layer = kind, at, 0, nn.Linear(64, num_classes)

    def forward(self, inputs):
        self.seen += self.training and not os.environ.get("MENDED")
        logits = self.layer(inputs.flatten(1))
        if self.seen <= self.at:
            return logits
        if self.kind == "value":
            raise ValueError("too many\\nsteps")
        if self.kind == "exit":
            raise SystemExit(3)
        if self.kind == "key":
            {}["width"]
        if self.kind == "file":
            open("/no/such/file")
        if self.kind == "stop":
            next(iter(()))
        if self.kind == "fork" and not os.fork():
            return logits  # the copy of the process goes on with the run
        if self.kind in ("fork", "thread"):
            threading.Thread(target=lambda: self.kind == "thread" and 1 / 0).start()
            return logits
        return logits[:, :3]

@dataclass
class Late(Regularizer):
    off: ClassVar = {"strength": 0.0}
    strength: float

    def edit_weights(self, model):
        model.net.layer.weight.data.mul_(0.9)
        self.calls = getattr(self, "calls", 0) + 1
        1 / (5 - self.calls)
"""
MISSING = "[Errno 2] No such file or directory: '/no/such/file'"
SHAPE = "must return logits of shape (B, 10) always, and then returned (33, 3) for 33 rows"
SMALL = ["train.epochs=4", "train.batch_size=32", "dataset.num_train=97", "threads=1", "device=cpu"]
OWN = ["model=own", "model._target_=failing.Net", "+model.at=6"]


def cli(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "failing.py").write_text(SOURCE)
    return processes.run(*words, cwd=folder, **environment)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param(
            "value", "ValueError: too many (failing.py, line 18), after epoch 1", marks=pytest.mark.long
        ),
        ("exit", "SystemExit: 3 (failing.py, line 20), after epoch 1"),
        pytest.param("key", "KeyError: 'width' (failing.py, line 22), after epoch 1", marks=pytest.mark.long),
        pytest.param(
            "file",
            f"FileNotFoundError: {MISSING} (failing.py, line 24), after epoch 1",
            marks=pytest.mark.long,
        ),
        ("stop", "StopIteration (failing.py, line 26), after epoch 1"),
        ("shape", f"model: {SHAPE}, after epoch 1"),
    ],
)
def test_what_a_model_raises_in_a_later_step_is_one_sentence(tmp_path: Path, kind: str, said: str) -> None:
    ended = cli(tmp_path, "train", *OWN, f"+model.kind={kind}", *SMALL, "hydra.run.dir=run")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert f"failed: {said}\n" in ended.stdout
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["status"], summary["reason"], summary["epochs"]["done"]) == ("failed", said, 1)
    assert (tmp_path / "run" / "train.log").read_text().startswith("Traceback")


def test_a_run_that_failed_goes_on_once_the_code_is_mended(tmp_path: Path) -> None:
    words = ["train", *OWN, "+model.kind=exit", *SMALL]
    assert cli(tmp_path, *words, "hydra.run.dir=run").returncode == 1
    assert cli(tmp_path, "resume", "run", MENDED="1").returncode == 0
    assert cli(tmp_path, *words, "hydra.run.dir=left", MENDED="1").returncode == 0
    records = [
        [
            {name: value for name, value in json.loads(line).items() if not name.startswith("time/")}
            for line in (tmp_path / folder / "metrics.jsonl").read_text().splitlines()
        ]
        for folder in ("run", "left")
    ]
    assert records[0] == records[1]


def test_no_job_s_code_ends_the_sweep_that_it_is_in(tmp_path: Path) -> None:
    kinds = "+model.kind=exit,file"
    ended = cli(tmp_path, "train", "-m", *OWN, kinds, *SMALL, "hydra.sweep.dir=sweep")
    assert (ended.returncode, ended.stderr) == (4, "")
    assert "SystemExit: 3 (failing.py, line 20), after epoch 1" in ended.stdout
    assert "(failing.py, line 24), after epoch 1" in ended.stdout


def test_what_a_regularizer_of_one_s_own_raises_in_a_later_step_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "reg").mkdir()
    option = "# @package reg.late\n_target_: failing.Late\nstrength: 0.1\n"
    (tmp_path / "reg" / "late.yaml").write_text(option)
    own = [*OWN[:2], "+model.at=99", "+model.kind=none"]
    ended = cli(tmp_path, "train", "--config-dir", ".", "+reg=late", *own, *SMALL, "hydra.run.dir=run")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "failed: ZeroDivisionError: division by zero (failing.py, line 42), after epoch" in ended.stdout


def test_a_copy_of_the_process_leaves_the_run_to_the_first_one(tmp_path: Path) -> None:
    ended = cli(
        tmp_path, "train", *OWN, "+model.kind=fork", *SMALL[1:], "train.epochs=2", "hydra.run.dir=run"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("baseline: finished") == 1
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2


def test_what_a_thread_raises_is_one_sentence(tmp_path: Path) -> None:
    ended = cli(tmp_path, "train", *OWN, "+model.kind=thread", *SMALL[1:], "train.epochs=2")
    assert ended.returncode == 0
    said = "(<lambda>), a thread, has failed: ZeroDivisionError: division by zero (failing.py, line 30)"
    assert {line.partition(" ")[2].partition(" ")[2] for line in ended.stderr.splitlines()} == {said}
