"""Numbers to predict, from a person's torch Dataset to verdicts and back from a run folder."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import regbench
from regbench.records.files import METRICS, SUMMARY
from regbench.records.metrics import NUMBERS, Terms
from tests import processes

MODULE = """
import torch
from torch.utils.data import Dataset


class Bent(Dataset):
    number_names = ["height"]
    unit = "cm"

    def __init__(self):
        draw = torch.Generator().manual_seed(5)
        self.inputs = torch.randn(150, 4, generator=draw)
        bent = self.inputs[:, 0] + self.inputs[:, 1].abs()
        self.labels = 170 + 10 * (bent + 0.3 * torch.randn(150, generator=draw)).double()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        return self.inputs[row], self.labels[row]
"""
OWN = ["dataset=own", "dataset._target_=bent.Bent"]
SMALL = [
    *OWN,
    "model=mlp",
    "model.width=16",
    "train.lr=0.05",
    "train.batch_size=20",
    "threads=1",
    "device=cpu",
]
LINE = [*SMALL, "train.epochs=3"]
EVENTS = "*tfevents*"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of two stacks and three seeds, and a run that can be made longer."""
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "bent.py").write_text(MODULE)
    done = typed(folder, "train", "-m", *LINE, "+reg=[],mixup", "seed=0,1,2", "sweep=bent")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\[6/6\] .*: finished  val 0\.\d{4}  gap [+-]0\.\d{4}  ", done.stdout), done.stdout
    done = typed(folder, "train", *LINE, "schedule=constant", "train.monitor=mae", "hydra.run.dir=one")
    assert done.returncode == 0, done.stderr
    return folder


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return processes.run(*words, cwd=folder)


def said(folder: Path, *words: str) -> str:
    done = typed(folder, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(folder: Path, *words: str) -> str:
    done = typed(folder, *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    return done.stderr.removeprefix("regbench: ").strip()


def runs(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / "outputs/sweeps/bent").glob("*_seed*"))


def test_the_record_says_what_was_predicted_in_which_unit(home: Path) -> None:
    summary = json.loads((home / "one" / SUMMARY).read_text())
    assert summary["targets"].keys() == {"names", "unit", "mean", "std", "loss"}
    assert (summary["targets"]["names"], summary["targets"]["unit"]) == (["height"], "cm")
    assert 160 < summary["targets"]["mean"][0] < 190
    nothing = {"classes": [], "class_rows": None, "reliability": None, "per_class": None, "corruption": None}
    assert {name: summary[name] for name in nothing} == nothing
    last = summary["last"]["metrics"]
    assert {name.partition("/")[2] for name in last if name.startswith("val/")} == {
        "loss",
        "r2",
        "rmse",
        "mae",
    }
    assert {name for name in last if name.startswith("gap/")} == {"gap/loss", "gap/r2", "gap/rmse"}


def test_the_best_epoch_is_the_one_of_the_monitor(home: Path) -> None:
    summary = json.loads((home / "one" / SUMMARY).read_text())
    lines = [json.loads(line) for line in (home / "one" / METRICS).read_text().splitlines()]
    assert summary["config"]["train"]["monitor"] == "mae"
    assert summary["best"]["epoch"] == min(lines, key=lambda line: line["select/mae"])["epoch"]


def test_a_run_shows_what_decides_beside_the_loss_and_figures_in_their_unit(home: Path) -> None:
    told = said(home, "train", *LINE, "hydra.run.dir=shown", "evaluate_test=true")
    assert "data: Bent: 1 number to predict: height 1" in told
    assert re.search(r"R2 \(loss\) .* last, epoch 3", told), told
    assert re.search(r"val RMSE \(cm\) +│ +\d+\.\d+ ", told), told
    assert re.search(r"test, best weights +│ +-?0\.\d{4} \(0\.\d{4}\)", told), told
    assert "accuracy" not in told


def test_verdicts_are_on_r2_and_every_output_calls_figures_by_their_names(home: Path) -> None:
    told = said(
        home, "compare", "outputs/sweeps/bent", "--fixed-seeds", "--csv", "r.csv", "--json", "r.json",
        "--latex", "r.tex",
        "--html", "r.html", "--figures", "figures", "--tensorboard", "board",
    )  # fmt: skip
    assert re.search(r"^mixup is not resolved: val R2 [+-]\d\.\d{4} \[", told, re.MULTILINE), told
    assert "own mlp: R2 of the last weights" in told
    found = json.loads((home / "r.json").read_text())["comparisons"][0]
    assert found["terms"] == {"task": "regression", "unit": "cm"}
    assert (found["metric"], found["sampling_error"], found["arms"][0]["reliability"]) == (
        "val/r2",
        None,
        None,
    )
    assert {"val/rmse", "gap/r2"} <= found["arms"][1]["differences"].keys()
    (base, _) = list(csv.DictReader(io.StringIO((home / "r.csv").read_text())))
    assert float(base["val/rmse.mean"]) > float(base["val/mae.mean"]) > 0
    page, latex = (home / "r.html").read_text(), (home / "r.tex").read_text()
    for text in (told, latex, page.partition("plotly.js")[0] + page.rpartition("</script>")[2]):
        assert not re.search(r"accuracy|\bnats\b|\bNLL\b|\bECE\b", text)
    assert "R2 against cost" in page
    assert "RMSE, cm" in page
    names = {path.stem for path in (home / "figures").glob("*.svg")}
    assert names == {f"own-mlp-{what}" for what in ("differences", "cost", "r2", "gap", "loss", "loss-gap")}
    (mean,) = [
        path.parent for path in (home / "board").rglob(EVENTS) if path.parts[-3:-1] == ("mixup", "mean")
    ]
    board = EventAccumulator(str(mean)).Reload()
    assert {"r2/val", "r2/train", "r2/gap", "loss/val"} <= set(board.Tags()["scalars"])


@pytest.mark.parametrize("metric", ["val/rmse", "val/mae", "val/loss"])
def test_verdicts_can_be_on_any_figure_and_less_of_an_error_is_better(home: Path, metric: str) -> None:
    told = said(home, "compare", "outputs/sweeps/bent", "--metric", metric, "--json", "-")
    one = json.loads(told)["comparisons"][0]
    other = json.loads(said(home, "compare", "outputs/sweeps/bent", "--json", "-"))["comparisons"][0]
    signs = [
        arms["arms"][1]["differences"][name]["mean"] > 0 for arms, name in ((one, metric), (other, "val/r2"))
    ]
    assert signs[0] is not signs[1], "where R2 rises an error falls"
    assert Terms(NUMBERS, "cm").unit_of(metric) == ("" if metric == "val/loss" else "cm")


def test_a_metric_that_is_not_there_is_answered_with_those_that_are(home: Path) -> None:
    why = refusal(home, "compare", "outputs/sweeps/bent", "--metric", "val/accuracy")
    assert why.endswith("has measured val/accuracy; there are val/loss, val/mae, val/r2, val/rmse"), why


def test_runs_of_classes_and_of_numbers_are_not_compared(home: Path) -> None:
    said(home, "train", "model=mlp", "model.width=8", "train.epochs=1", "threads=1", "hydra.run.dir=classes")
    why = refusal(home, "compare", "one", "classes")
    assert why == "compare: the runs must predict one kind of thing, got classes (classes) and numbers (one)"


def test_the_test_split_is_read_and_the_run_made_longer(home: Path) -> None:
    folder = runs(home)[0]
    told = said(home, "test", folder, "--trust")
    assert re.search(r"test split: R2 \(loss\)", told), told
    sealed = json.loads((home / folder / SUMMARY).read_text())["test"]
    assert sealed["last"].keys() == {"loss", "r2", "rmse", "mae"}
    assert re.search(rf"{sealed['last']['r2']:.4f} \({sealed['last']['loss']:.4f}\)", told), told
    said(home, "resume", "one", "train.epochs=5", "--trust")
    straight = said(home, "train", *SMALL, "train.epochs=5", "schedule=constant", "train.monitor=mae",
                    "hydra.run.dir=straight")  # fmt: skip
    assert "finished" in straight
    for name in ("last", "best"):
        one, other = (torch.load(home / run / f"{name}.pt", weights_only=True) for run in ("one", "straight"))
        weights = [each["evaluated"] if name == "last" else each for each in (one, other)]
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_a_loaded_model_returns_numbers_in_their_unit(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(str(home))
    model = regbench.load(runs(home)[1], "last", trust=True)
    scope: dict[str, object] = {}
    exec(MODULE, scope)
    data = scope["Bent"]()  # type: ignore[operator]
    outputs = model(data.inputs)
    assert outputs.shape == (150, 1)
    error = (outputs[:, 0] - data.labels).square().mean().sqrt().item()
    summary = json.loads((home / runs(home)[1] / SUMMARY).read_text())
    assert error == pytest.approx(summary["last"]["metrics"]["train/rmse"], rel=0.5)
    assert (model.numbers.unit, model.classes) == ("cm", ())
    assert list(model.numbers.mean) == summary["targets"]["mean"]


def test_strength_and_ablate_judge_by_r2(home: Path) -> None:
    told = said(home, "strength", *LINE, "reg=l2", "reg.l2.strength=0,0.01", "seed=0,1", "--html", "s.html")
    assert "last weights; R2 gap" in told
    assert re.search(r"strength +seeds +val R2 ", told), told
    assert "val R2" in (home / "s.html").read_text()
    told = said(home, "ablate", *LINE, "+reg=[l2,mixup]", "seed=0,1", "--metric", "val/rmse")
    assert "val RMSE cm" in told


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["train.monitor=select/rsme"], "train.monitor: must be a metric of select, one of r2, rmse, mae, "
         "loss, got select/rsme; did you mean 'rmse'?"),
        (["train.monitor=val/r2"], "train.monitor: must be a metric of select, one of r2, rmse, mae, loss, "
         "got val/r2"),
        (["evaluate=[per_class]"], "evaluate: per_class needs classes, got numbers to predict"),
        (["train.class_weights=balanced"], "train: class_weights needs classes, got numbers to predict"),
        (["+reg=label_smoothing"], "reg.label_smoothing: needs classes, got numbers to predict"),
        (["dataset.label_noise=0.1"], "dataset: label_noise needs classes, got numbers to predict and "
         "label_noise=0.1"),
    ],
)  # fmt: skip
def test_what_needs_classes_is_refused_in_one_sentence(home: Path, words: list[str], why: str) -> None:
    assert refusal(home, "train", *LINE, *words) == why
    assert refusal(home, "train", "-m", *LINE, *words, "seed=0,1") == why


def test_plan_knows_the_jobs_that_are_done(home: Path) -> None:
    told = said(home, "plan", *LINE, "+reg=[],mixup", "seed=0,1,2,3", "sweep=bent")
    assert "8 jobs, 6 done, 2 left" in told
    assert os.path.isdir(home / "outputs")
