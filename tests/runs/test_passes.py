"""What is forwarded over a whole run: each row once for each state of the weights that is measured."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from regbench.runs import opening, session
from regbench.runs.folder import RunFolder
from regbench.training.loop import Run
from tests.conftest import reg_node, tiny

EPOCHS = 3
ASKED = ["calibration", "per_class"]


@pytest.fixture
def rows_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, Run, dict[str, Any]]]:
    """Rows that a run forwards in evaluation mode, the run, and its summary."""

    def counted(config: dict[str, Any]) -> tuple[int, Run, dict[str, Any]]:
        build, seen, runs = opening.build_run, [], []

        def look(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
            if not module.training:
                seen.append(len(inputs[0]))

        def watched(*args: Any) -> Run:
            run = build(*args)
            if len(args) == 1:  # the one that is trained, not a copy for the audit
                run.model.register_forward_pre_hook(look)
                runs.append(run)
            return run

        monkeypatch.setattr(opening, "build_run", watched)
        home = RunFolder(config, tmp_path, {}, Console(file=io.StringIO()))
        assert session.train(home).finished
        return sum(seen), runs[0], json.loads((tmp_path / "summary.json").read_text())

    return counted


def each(run: Run) -> int:
    """Rows of one evaluation."""
    return len(run.data.measured) + len(run.data.select) + len(run.data.val)


@pytest.mark.parametrize("lr", [0.05, 3.0])
def test_as_many_passes_as_evaluations(rows_of: Callable[..., Any], lr: float) -> None:
    rows, run, summary = rows_of(tiny(epochs=EPOCHS, lr=lr) | {"evaluate": ASKED})
    assert rows == EPOCHS * each(run)
    assert (summary["best"]["epoch"] == EPOCHS) == (lr == 0.05), "the best is once the last, once another"


def test_epochs_that_are_not_evaluated_are_not_forwarded(rows_of: Callable[..., Any]) -> None:
    rows, run, _ = rows_of(tiny(epochs=EPOCHS, evaluate_every=2) | {"evaluate": ASKED})
    assert rows == 2 * each(run)


@pytest.mark.parametrize("monitor", ["select/accuracy", "select/loss"])
@pytest.mark.parametrize("restore", [True, False])
def test_with_kept_weights_there_is_at_most_one_more(
    rows_of: Callable[..., Any], monitor: str, restore: bool
) -> None:
    mode = "max" if monitor.endswith("accuracy") else "min"
    stop = reg_node("early_stopping", monitor=monitor, mode=mode, restore_best=restore)
    rows, run, summary = rows_of(tiny(epochs=EPOCHS, lr=3.0, reg={"stop": stop}) | {"evaluate": ASKED})
    one_of_both = summary["kept"]["epoch"] in (summary["last"]["epoch"], summary["best"]["epoch"])
    assert rows == (EPOCHS + (not one_of_both)) * each(run)


def test_test_is_read_by_one_pass_where_the_last_weights_are_the_best(rows_of: Callable[..., Any]) -> None:
    rows, run, summary = rows_of(tiny(epochs=EPOCHS) | {"evaluate": ASKED, "evaluate_test": True})
    assert summary["best"]["epoch"] == EPOCHS
    assert run.data.read_test is not None
    assert rows == EPOCHS * each(run) + len(run.data.read_test())
    assert summary["test"]["last"] == summary["test"]["best"]


@pytest.mark.parametrize("lr", [0.05, 3.0])
def test_where_few_are_measured_after_an_epoch_the_others_are_once_for_the_last_and_the_best(
    rows_of: Callable[..., Any], lr: float
) -> None:
    rows, run, summary = rows_of(tiny(epochs=EPOCHS, lr=lr, evaluate_rows=40) | {"evaluate": ASKED})
    states = len({summary["last"]["epoch"], summary["best"]["epoch"]})
    assert rows == EPOCHS * 120 + states * (each(run) - 120)


def test_corruption_has_passes_of_its_own(rows_of: Callable[..., Any]) -> None:
    rows, run, summary = rows_of(tiny(epochs=EPOCHS, lr=3.0) | {"evaluate": [*ASKED, "corruption"]})
    assert summary["best"]["epoch"] != EPOCHS
    assert rows == EPOCHS * each(run) + 50 * len(run.data.val)
