"""`regbench compare --across` as a person meets it."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import subprocess
from pathlib import Path

import pytest

from tests import processes
from tests.records.made import figures, write_run
from tests.reports.pages import Words

STACKS = {
    "baseline": ([], 0.0),
    "dropout": (["dropout"], 0.02),
    "mixup": (["mixup"], -0.01),
    "l2": (["l2"], 0.0),
}
RATES = (0.1, 0.2, 0.3)
SEEDS = 8


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four stacks of eight seeds at three learning rates."""
    root = tmp_path_factory.mktemp("across")
    draw = random.Random(1)
    for rate in RATES:
        for seed in range(SEEDS):
            common = 0.9 + draw.gauss(0, 0.01)
            for name, (stack, step) in STACKS.items():
                epochs = [figures(common + step + draw.gauss(0, 0.001))]
                folder = root / "sweep" / f"{name}_lr{rate}_seed{seed}"
                write_run(folder, stack, seed, epochs, config={"train": {"lr": rate}})
    return root


def compare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return processes.run("compare", "sweep", *words, cwd=folder, COLUMNS="140")


def refused(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    """Exit status 2 and one line on stderr."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert re.search(sentence, done.stderr), done.stderr


def test_a_table_of_techniques_by_conditions_and_what_holds_over_them(sweep: Path) -> None:
    done = compare(sweep, "--across", "train.lr", "--fixed-seeds")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^stack +lr=0.1 +lr=0.2 +lr=0.3$", done.stdout, re.MULTILINE)
    assert re.search(r"^dropout( +\+[12]\.\d\d better){3}$", done.stdout, re.MULTILINE)
    assert re.search(r"^mixup( +-[01]\.\d\d worse){3}$", done.stdout, re.MULTILINE)
    words = (
        r"^dropout is not resolved over the conditions: mean \+[12]\.\d\d points \[\+1\.\d\d, \+2\.\d\d\], "
    )
    assert re.search(words + r"adjusted p 0\.75; better in 3 of 3 conditions$", done.stdout, re.MULTILINE)
    assert "so no mean can be resolved; 7 conditions would do" in done.stdout
    assert "Friedman's test of the ranks of 4 arms in 3 conditions" in done.stdout


def test_every_output_has_it(sweep: Path, tmp_path: Path) -> None:
    words = [
        f"--{name}={tmp_path / name}" for name in ("csv", "json", "latex", "markdown", "html", "figures")
    ]
    done = compare(sweep, "--across", "train.lr", *words)
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "json").read_text())
    assert len(kept["comparisons"]) == 3  # as without --across
    assert kept["across"]["keys"] == ["train.lr"]
    first = kept["across"]["techniques"][0]
    assert (first["name"], first["rank"], first["mean"]["n"]) == ("dropout", 1.0, 3)
    assert set(first["middle"]) == {"mean", "low", "high"}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "csv").read_text())))
    assert [(row["stack"], row["train.lr"], row["condition"]) for row in rows[:4]] == [
        *(("dropout", str(rate), f"lr={rate}") for rate in RATES),
        ("dropout", "", "all"),
    ]
    assert float(rows[3]["difference"]) == pytest.approx(
        sum(float(row["difference"]) for row in rows[:3]) / 3
    )
    assert rows[3]["iqm_low"] < rows[3]["iqm"] < rows[3]["iqm_high"]
    assert "| stack | lr=0.1 | lr=0.2 | lr=0.3 |" in (tmp_path / "markdown").read_text()
    assert (tmp_path / "latex").read_text().count(r"\begin{tabular}") == 2
    page = Words((tmp_path / "html").read_text())
    assert "3 techniques over 3 conditions" in page.text
    assert "dropout is not resolved over the conditions" in page.text
    assert {value for _, attributes in page.tags if (value := attributes.get("id"))} >= {
        "across-conditions", "across-ranks",
    }  # fmt: skip
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {
        f"across-{what}.{kind}" for what in ("conditions", "ranks") for kind in ("pdf", "png", "svg")
    }


def test_a_file_may_be_the_standard_output(sweep: Path) -> None:
    done = compare(sweep, "--across", "train.lr", "--json", "-")
    assert json.loads(done.stdout)["across"]["baseline"] == "baseline"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--across", "lr"], r"--across must be keys .*, got lr; did you mean 'train.lr'\?"),
        (
            ["--across", "dataset,model"],
            "3 comparisons have dataset=digits model=mlp; they differ in train.lr",
        ),
        (["--across", "seed"], "must be no stack's value and no seed"),
        (["--across", "train.lr", "--one"], "--across: must stand without --one"),
        (["--across", "train.lr", "--tensorboard", "events"], "--across: must stand without --tensorboard"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(sweep: Path, words: list[str], sentence: str) -> None:
    refused(compare(sweep, *words), sentence)
