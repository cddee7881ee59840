"""The sealed test split: one way to open it, and every opening is counted."""

from __future__ import annotations

import ast
import io
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

import regbench
from regbench.evaluation.measurement import evaluate
from regbench.records.summary import Sealed
from regbench.runs import opening, session
from regbench.runs.folder import RunFolder
from regbench.runs.sealed import read_test
from regbench.types import Dataset, Split
from tests.conftest import tiny

PACKAGE = Path(regbench.__file__).parent


def split(seed: int) -> Split:
    generator = torch.Generator().manual_seed(seed)
    return Split(torch.randn(20, 3, generator=generator), torch.arange(20) % 3, 3)


def dataset(opened: list[int], test: Split) -> Dataset:
    def opens() -> Split:
        opened.append(1)
        return test

    return Dataset(split(0), split(1), split(2), opens, (3,), 3)


def read(data: Dataset, before: int = 0) -> Sealed:
    models = {"last": nn.Identity(), "best": nn.Linear(3, 3)}
    return read_test(models, data, nullcontext, (), before)


def test_last_and_best_weights_are_measured_in_one_opening() -> None:
    opened: list[int] = []
    torch.manual_seed(0)
    found = read(dataset(opened, split(3)))
    assert opened == [1]
    assert found.last == evaluate(nn.Identity(), split(3), nullcontext)
    assert found.best
    assert found.best != found.last


def test_every_opening_is_counted() -> None:
    opened: list[int] = []
    data, reads = dataset(opened, split(3)), 0
    for count in (1, 2, 3):
        reads = read(data, reads).reads
        assert reads == count == len(opened)


def test_a_dataset_without_a_test_split_is_refused() -> None:
    data = Dataset(split(0), split(1), split(2), None, (3,), 3)
    with pytest.raises(ValueError, match="must have a test split to read, and its dataset has none"):
        read(data)


@pytest.mark.parametrize("asked", [True, False])
def test_a_run_opens_it_once_at_its_end_if_it_is_asked_to(
    asked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, opened = opening.build_run, []

    def watched(*args: Any) -> Any:
        run = build(*args)
        read_one = run.data.read_test
        object.__setattr__(run.data, "read_test", lambda: [opened.append(1), read_one()][1])
        return run

    monkeypatch.setattr(opening, "build_run", watched)
    config = tiny("mlp") | {"evaluate_test": asked}
    assert session.train(RunFolder(config, tmp_path, {}, Console(file=io.StringIO()))) == "finished"
    test = json.loads((tmp_path / "summary.json").read_text())["test"]
    assert len(opened) == asked
    assert (test or {}).get("reads", 0) == asked


def test_nothing_else_opens_it() -> None:
    """Whoever calls a dataset's `read_test` counts it, so one function alone may."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "read_test"
    }
    assert found == {"runs/sealed.py"}
