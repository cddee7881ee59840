"""A run that measures few rows after an epoch is judged by all of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

from regbench.assembly import few_rows
from regbench.regularizers.early_stopping import EarlyStopping
from regbench.runs import session
from regbench.runs.folder import RunFolder
from regbench.storage import checkpoint
from regbench.weights import same_states
from tests.conftest import reg_node, tiny
from tests.sampling import crossed

WORDS = {"evaluate": ["calibration", "per_class"], "evaluate_test": True}
STOP = {"stop": reg_node("early_stopping", monitor="select/loss", mode="min")}


def trained(folder: Path, config: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """The summary of a run, and its lines."""
    folder.mkdir()
    session.train(RunFolder(config | WORDS, folder, {}, Console(file=io.StringIO())))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return json.loads((folder / "summary.json").read_text()), lines


def judging(summary: dict[str, Any]) -> dict[str, Any]:
    """What a run is judged by, times left out."""
    found = {n: summary.get(n) for n in ("last", "best", "kept", "test", "reliability", "per_class")}
    text = json.dumps(found)
    return json.loads(
        text, object_hook=lambda node: {n: v for n, v in node.items() if not n.startswith("time/")}
    )


@pytest.mark.parametrize(("lr", "reg"), crossed([0.05, 3.0], [{}, STOP]))
def test_by_auto_no_figure_that_judges_and_no_choice_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reg: dict[str, Any], lr: float
) -> None:
    monkeypatch.setattr(few_rows, "ENOUGH", 30)
    config = tiny(epochs=3, lr=lr, reg=reg)
    few, lines = trained(tmp_path / "few", config)
    config["train"] |= {"evaluate_rows": None}
    all_, others = trained(tmp_path / "all", config)
    assert judging(few) == judging(all_)
    assert few["curve_rows"] == {"train": 48, "select": all_["rows"]["select"], "val": 48}
    assert "curve_rows" not in all_
    for one, other in zip(lines, others, strict=True):
        assert {n: v for n, v in one.items() if n.startswith("select/")} == {
            n: v for n, v in other.items() if n.startswith("select/")
        }
        assert one["val/loss"] != other["val/loss"]
        assert one["val/accuracy"] * 48 == pytest.approx(round(one["val/accuracy"] * 48))


def test_a_number_caps_what_chooses_too_and_the_last_figures_are_of_all_rows(tmp_path: Path) -> None:
    config = tiny(epochs=2)
    all_, _ = trained(tmp_path / "all", config)
    config["train"] |= {"evaluate_rows": 40}
    few, lines = trained(tmp_path / "few", config)
    assert few["curve_rows"] == {"train": 40, "select": 40, "val": 40}
    assert judging(few)["last"] == judging(all_)["last"]
    assert lines[-1]["select/accuracy"] * 40 == pytest.approx(round(lines[-1]["select/accuracy"] * 40))
    assert few["identity"] != all_["identity"]


@pytest.mark.parametrize("rows", [None, 40])
def test_weights_that_are_not_finite_are_not_kept_and_judge_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int | None
) -> None:
    config = tiny(epochs=3, lr=3.0, reg=STOP, evaluate_rows=rows)

    def spoilt(self: EarlyStopping, model: nn.Module) -> nn.Module:
        model.load_state_dict({name: tensor * torch.inf for name, tensor in model.state_dict().items()})
        return model

    monkeypatch.setattr(EarlyStopping, "final_model", lambda self, model: model)
    last, _ = trained(tmp_path / "last", config)
    monkeypatch.setattr(EarlyStopping, "final_model", spoilt)
    found, _ = trained(tmp_path / "spoilt", config)
    assert found.get("kept") is None
    assert judging(found) == judging(last) | {"kept": None}
    kept = [checkpoint.load(tmp_path / name / checkpoint.LAST)["evaluated"] for name in ("last", "spoilt")]
    assert same_states(*kept)
