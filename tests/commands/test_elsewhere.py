"""Runs on one's own data and code, looked at from another folder than the one they were typed in."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from regbench.composition.recorded import read_run
from regbench.records.identity import identity
from tests import processes
from tests.conftest import CSV, compose

QUICK = ["train.epochs=1", "model.width=8", "threads=1", "device=cpu"]
NOISE = """
from dataclasses import dataclass
from typing import ClassVar
from regbench.regularizers.base import Regularizer
@dataclass
class Noise(Regularizer):
    off: ClassVar = {"strength": 0.0}
    strength: float
    def edit_weights(self, model):
        for weight in model.parameters():
            weight.data.mul_(1 - self.strength)
"""
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


def summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with sentences, and one beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "other").mkdir()
    shutil.copy(CSV, tmp_path / "home" / "train.csv")
    shutil.copy(CSV, tmp_path / "home" / "exam.csv")
    return tmp_path / "home"


def test_data_that_were_typed_relative_are_found_from_another_folder(home: Path) -> None:
    words = ["model=rnn", "dataset=text_csv", "dataset.path=train.csv", "dataset.test_path=exam.csv"]
    cli(home, "train", *words, "dataset.length=12", "train.batch_size=8", "hydra.run.dir=run", *QUICK)
    before = summary(home / "run")
    assert before["config"]["dataset"]["path"] == str(home / "train.csv")
    assert before["config"]["dataset"]["test_path"] == str(home / "exam.csv")
    other = home.parent / "other"
    assert "../home/run" in cli(other, "test", "../home/run")
    assert summary(home / "run")["test"]["reads"] == 1
    (home / "run" / "summary.json").unlink()
    cli(other, "resume", "../home/run")
    assert summary(home / "run")["identity"] == before["identity"]


def test_data_that_have_moved_with_the_run_are_found_in_the_current_folder(home: Path) -> None:
    words = ["model=rnn", "dataset=text_csv", "dataset.path=train.csv", "dataset.length=12"]
    cli(home, "train", *words, "train.batch_size=8", "hydra.run.dir=run", *QUICK)
    moved = home.rename(home.parent / "moved")
    cli(moved, "test", "run")
    assert summary(moved / "run")["test"]["reads"] == 1


def test_data_that_have_changed_are_not_taken_for_those_of_the_run(home: Path) -> None:
    words = ["model=rnn", "dataset=text_csv", "dataset.path=train.csv", "dataset.length=12"]
    cli(home, "train", *words, "schedule=constant", "train.batch_size=8", "hydra.run.dir=run", *QUICK)
    before = (home / "run" / "summary.json").read_text()
    with (home / "train.csv").open("a") as table:
        table.write(table_row(home / "train.csv"))
    for command in (["test", "run"], ["resume", "run", "train.epochs=2"]):
        done = processes.run(*command, cwd=home)
        assert done.returncode == 2
        assert done.stderr.startswith("regbench: run: its data have changed since it was trained, ")
        assert done.stderr.count("\n") == 1
    assert (home / "run" / "summary.json").read_text() == before


def table_row(file: Path) -> str:
    """The last row of a table once more."""
    return file.read_text().rstrip("\n").splitlines()[-1] + "\n"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with code of one's own, a run that needs it, and a folder beside it."""
    home = tmp_path_factory.mktemp("own") / "home"
    (home / "mine" / "reg").mkdir(parents=True)
    (home.parent / "other").mkdir()
    (home / "nets.py").write_text(NET)
    (home / "mine" / "noise.py").write_text(NOISE)
    option = "# @package reg.noise\n_target_: noise.Noise\nstrength: 0.01\n"
    (home / "mine" / "reg" / "noise.yaml").write_text(option)
    words = ["--config-dir", "mine", "+reg=noise", "model=own", "model._target_=nets.Net"]
    cli(home, "train", *words, "schedule=constant", "hydra.run.dir=run", QUICK[0], *QUICK[2:])
    plain = ["model=own", "model._target_=nets.Net", "schedule=constant", "hydra.run.dir=plain"]
    cli(home, "train", *plain, QUICK[0], *QUICK[2:])
    return home


def refused(folder: Path, *words: str) -> str:
    done = processes.run(*words, cwd=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    return done.stderr


def test_code_of_one_s_own_is_found_from_another_folder_where_the_run_is_trusted(own: Path) -> None:
    other = own.parent / "other"
    said = refused(other, "test", "../home/run")
    assert said == (
        "regbench: model._target_: no module named 'nets', needed for nets.Net; it was trained in "
        f"{own}; type regbench test ../home/run --trust to import from there\n"
    )
    assert "type regbench resume ../home/run train.epochs=2 --trust to" in refused(
        other, "resume", "../home/run", "train.epochs=2"
    )
    cli(other, "test", "../home/run", "--trust")
    code = "import regbench; print(type(regbench.load('../home/run', trust={})).__name__)"
    for trust, printed in ((True, "Normalized\n"), (False, "")):
        done = processes.run(cwd=other, code=code.format(trust))
        assert done.stdout == printed, done.stderr
    assert "; pass trust=True to regbench.load to import from there" in done.stderr


def test_a_run_is_read_in_the_folder_that_it_was_trained_in_without_more(own: Path) -> None:
    cli(own, "test", "plain")
    cli(own, "resume", "plain", "train.epochs=2")
    assert summary(own / "plain")["epochs"]["done"] == 2


def test_a_library_is_not_replaced_by_a_file_beside_a_run(own: Path) -> None:
    run = shutil.copytree(own / "run", own.parent / "bundle" / "run")
    theirs = own.parent / "theirs"
    theirs.mkdir()
    for folder in (run, theirs):  # in the run folder itself, and in the one that is recorded
        (folder / "sklearn.py").write_text("open('imported', 'w')")
    record = run / ".hydra" / "hydra.yaml"
    record.write_text(record.read_text().replace(f"cwd: {own}\n", f"cwd: {theirs}\n"))
    assert f"cwd: {theirs}\n" in record.read_text()
    untrusted = processes.fresh("test", ".", cwd=run)  # which has not imported sklearn yet
    trusted = processes.fresh("test", str(run), "--trust", cwd=own)
    assert (untrusted.returncode, trusted.returncode) == (2, 0), untrusted.stderr + trusted.stderr
    assert not [*own.parent.rglob("imported")]


def test_a_run_reads_no_environment_variables_but_of_regbench(own: Path) -> None:
    run = shutil.copytree(own / "plain", own.parent / "env" / "run")
    record = run / ".hydra" / "config.yaml"
    record.write_text(record.read_text().replace("sweep: null", "sweep: ${oc.${e}:HOME}\ne: env"))
    assert "HOME; type regbench test" in refused(own, "test", str(run))


def test_paths_are_absolute_and_no_part_of_the_identity_of_own_data(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    one = compose("dataset=image_folder", "dataset.path=here")
    other = compose("dataset=image_folder", 'dataset.path="~/there"')
    assert one["dataset"]["path"] == str(tmp_path / "here")
    assert other["dataset"]["path"] == os.path.expanduser("~/there")
    assert identity(one, "content") == identity(other, "content")


@pytest.mark.parametrize(("typed", "whole"), [("2.0", 2), ("2e0", 2), ("4", 4)])
def test_a_whole_number_is_one_however_it_is_typed(typed: str, whole: int) -> None:
    config = compose(f"train.epochs={typed}", f"seed={typed}", f"threads={typed}")
    for value in (config["train"]["epochs"], config["seed"], config["threads"]):
        assert (value, type(value)) == (whole, int)
    assert identity(config) == identity(compose(f"train.epochs={whole}", f"seed={whole}", f"threads={whole}"))


def test_a_sweep_over_whole_numbers_typed_as_fractions_is_the_same_sweep(tmp_path: Path) -> None:
    line = [
        "train",
        "-m",
        "sweep=s",
        "device=cpu",
        "model.width=8",
        "dataset.num_train=97",
        "train.batch_size=32",
    ]
    cli(tmp_path, *line, "train.epochs=1.0,2.0", "seed=1.0")
    said = cli(tmp_path, "plan", *line[2:], "train.epochs=1,2", "seed=1")
    assert "2 jobs, 2 done, 0 left" in said
    runs = list((tmp_path / "outputs" / "sweeps" / "s").iterdir())
    assert sorted(summary(run)["config"]["train"]["epochs"] for run in runs) == [1, 2]
    assert all(run.name.startswith("baseline_seed1_") for run in runs)
    assert [type(read_run(run)[0]["train"]["epochs"]) for run in runs] == [int, int]
