"""What is found of each class when a run has ended."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from sklearn.metrics import confusion_matrix, recall_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from regbench.evaluation.at_end import per_class
from regbench.records.status import Status
from regbench.records.summary import ClassMetrics, PerSplit, Snapshot, Summary
from regbench.runs.class_pictures import class_table, confusion_picture
from regbench.runs.folder import RunFolder
from regbench.runs.progress import show_summary
from regbench.runs.session import train
from regbench.types import Split
from tests.conftest import tiny
from tests.sampling import some_of

LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 3])
GUESS = torch.tensor([0, 0, 2, 1, 1, 1, 0])


def split_of(guess: Tensor, labels: Tensor, classes: int) -> Split:
    return Split(torch.eye(classes)[guess], labels, classes)


def test_seven_rows_of_four_classes_by_hand() -> None:
    assert per_class(torch.eye(4)[GUESS], split_of(GUESS, LABELS, 4)) == ClassMetrics(
        accuracy=[2 / 4, 2 / 2, None, 0 / 1],
        support=[4, 2, 0, 1],
        confusion=[[2, 1, 1, 0], [0, 2, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]],
    )


def test_it_is_what_scikit_learn_finds() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(5, (265,), generator=generator)
    guess = torch.where(torch.rand(len(labels), generator=generator) < 0.6, labels, (labels + 1) % 5)
    found = per_class(torch.eye(5)[guess], split_of(guess, labels, 5))
    assert found.accuracy == pytest.approx(recall_score(labels, guess, average=None).tolist())
    assert found.confusion == confusion_matrix(labels, guess).tolist()
    assert found.support == labels.bincount().tolist()


def trained(folder: Path, evaluate: list[str], **dataset: Any) -> tuple[dict[str, Any], str]:
    """The summary of a run, and what was said."""
    folder.mkdir()
    config = tiny() | {"evaluate": evaluate}
    said = io.StringIO()
    config["dataset"] = config["dataset"] | dataset
    train(RunFolder(config, folder, {}, Console(file=said, width=200)))
    return json.loads((folder / "summary.json").read_text()), said.getvalue()


def board(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard" / "val"), size_guidance={"images": 0, "tensors": 0})
    return events.Reload()


def test_a_run_that_was_asked_keeps_it_with_the_names_and_shows_it(tmp_path: Path) -> None:
    summary, _ = trained(tmp_path / "run", ["per_class"])
    assert summary["classes"] == list("0123456789")
    assert summary["per_class"].keys() == {"last", "best"}
    last = summary["per_class"]["last"]
    assert last["support"] == summary["class_rows"]["val"]
    right = sum(last["confusion"][c][c] for c in range(10))
    assert right / summary["rows"]["val"] == pytest.approx(summary["last"]["metrics"]["val/accuracy"])
    mean = sum(last["accuracy"]) / 10
    assert mean == pytest.approx(summary["last"]["metrics"]["val/balanced_accuracy"])
    events = board(tmp_path / "run")
    assert events.Tags()["images"] == ["confusion/last", "confusion/best"]
    assert events.Images("confusion/last")[0].step == 2
    table = events.Tensors("classes/last/text_summary")[0].tensor_proto.string_val[0].decode()
    assert f"| 7 | {last['accuracy'][7]:.4f} | {last['support'][7]} |" in table
    assert len(events.Scalars("loss")) == 2, "the curves are still there"


def test_a_run_that_was_not_asked_has_none(tmp_path: Path) -> None:
    summary, said = trained(tmp_path / "run", [])
    assert summary["per_class"] is None
    assert board(tmp_path / "run").Tags()["images"] == []
    assert "balanced" not in said


def test_rows_of_each_class_add_up(tmp_path: Path) -> None:
    summary, _ = trained(tmp_path / "run", [])
    for name in ("train", "select", "val"):
        assert sum(summary["class_rows"][name]) == summary["rows"][name]


def test_the_last_table_has_the_balanced_figures_where_classes_are_uneven() -> None:
    metrics = {f"{s}/{f}": 0.5 for s in ("train", "select", "val", "gap") for f in ("accuracy", "loss")}
    metrics |= {"val/balanced_accuracy": 0.1234, "val/macro_f1": 0.4321}
    summary = Summary(name="baseline", status=Status.FINISHED, last=Snapshot(3, metrics))
    shown = {}
    for rows in ([31, 10], [30, 10]):
        said = io.StringIO()
        show_summary(
            Console(file=said, width=100), replace(summary, class_rows=PerSplit(rows, [], [])), "run"
        )
        shown[rows[0]] = said.getvalue()
    assert "val balanced accuracy" in shown[31]
    assert "0.1234" in shown[31]
    assert "0.4321" in shown[31]
    assert "balanced" not in shown[30]


# --- to be looked at


@pytest.mark.parametrize("count", some_of([21, 2, 20, 250, 100], every=3))
def test_a_matrix_of_any_size_is_a_square_picture(count: int) -> None:
    picture = confusion_picture(torch.eye(count).long().tolist(), [f"class {n}" for n in range(count)])
    assert picture.shape[:2] == (1, 3)
    height, width = picture.shape[2:]
    assert 200 < height == width < 1600
    assert 0 <= picture.min() < picture.max() <= 1


def test_a_full_diagonal_is_darker_than_an_empty_one() -> None:
    identity, shifted = torch.eye(3).long().tolist(), torch.eye(3).roll(1, 1).long().tolist()
    names = ["", "", ""]
    right, wrong = (confusion_picture(m, names)[0].mean(0) for m in (identity, shifted))
    assert not torch.equal(right, wrong)
    middle = right.shape[0] // 2 + 5, right.shape[1] // 2 + 30
    assert right[middle] < wrong[middle]


def test_names_of_any_signs_are_shown_as_they_are() -> None:
    names = ["$x_1$", "a|b", "<b>&", "\N{SNOWMAN}\n\t", "x" * 500]
    assert confusion_picture(torch.eye(5).long().tolist(), names).isfinite().all()
    found = ClassMetrics([0.5, None, 1.0, 0.0, 0.25], [2, 0, 1, 1, 4], [])
    lines = class_table(found, names).splitlines()
    assert lines[3] == r"| a\|b |  | 0 |"
    assert lines[4] == "| &lt;b>&amp; | 1.0000 | 1 |"
    assert len(lines) == 7
