"""A model trained on a table, from the command line to rows of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch

import regbench
from regbench.storage import checkpoint
from tests import processes

QUICK = ["train.epochs=1", "threads=1", "device=cpu", "model.width=8", "dataset=table"]


def write(folder: Path) -> None:
    lines = [f"{'' if n % 7 == 0 else n},{'pqr'[n % 3]},{['no', 'yes'][n % 2]}" for n in range(90)]
    (folder / "mine.csv").write_text("\n".join(["size,kind,y", *lines]))
    (folder / "later.csv").write_text("\n".join(["y,kind,size", "yes,q,3", "no,new,"]))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    write(folder)
    words = [*QUICK, "dataset.path=mine.csv", "dataset.test=later.csv", "dataset.target=y", "dataset.rare=1"]
    done = processes.run("train", *words, "evaluate_test=true", "hydra.run.dir=run", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "mine.csv").unlink()
    return folder / "run"


ROWS = [{"size": 12, "kind": "q"}, {"size": None, "kind": "new"}]


def test_a_loaded_model_takes_dicts_and_data_frames(run: Path) -> None:
    model = regbench.load(str(run), "last")
    number, words = checkpoint.load(run / "last.pt")["columns"]
    assert list(words["categories"]) == ["p", "q", "r"]
    scaled = (12 - number["mean"]) / number["std"]
    expected = model(torch.tensor([[scaled, 0, 0, 1, 0], [0, 1, 0, 0, 0]]))
    assert torch.equal(model(ROWS), expected)
    assert torch.equal(model(pl.DataFrame(ROWS)), expected)
    assert model.classes == ("no", "yes")


def test_another_process_in_its_folder_needs_no_table(run: Path) -> None:
    code = f"import regbench; print(regbench.load('run', 'last')({ROWS}).tolist())"
    path = str(Path(regbench.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=run.parent,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout == f"{regbench.load(str(run), 'last')(ROWS).tolist()}\n"


def test_what_is_no_row_is_refused(run: Path) -> None:
    with pytest.raises(ValueError, match=r"^row 1 must have a value of the column 'kind', None where it is"):
        regbench.load(str(run))([{"size": 1}])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dataset.target=Y"], "dataset.target: must name a column of "),
        (["dataset.target=y", "dataset.test=none.csv"], "dataset.test: must be a CSV or Parquet file, got "),
        (
            ["dataset.target=size", "dataset.task=regression", "dataset.ignore=[more]"],
            "dataset.ignore: must name",
        ),
        (["dataset.target=y", "dataset.rare=0"], "dataset.rare: must be at least 1, got 0"),
    ],
)
def test_a_wrong_line_is_one_sentence_and_exit_status_two(
    words: list[str], said: str, tmp_path: Path
) -> None:
    write(tmp_path)
    done = processes.run("train", *QUICK, "dataset.path=mine.csv", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"regbench: {said}")
    assert done.stderr.count("\n") == 1
