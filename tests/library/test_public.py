"""`import regbench`: quick, typed, and complete."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import regbench

PACKAGE = Path(regbench.__file__).parent
EXAMPLE = """
from collections.abc import Mapping

import torch
from torch import nn

import regbench

stack: regbench.Stack = regbench.stack("dropout", mixup={"alpha": 0.2}, seed=1)
model = nn.Linear(3, 2)
rows = (torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64))
applied: regbench.Applied = stack.apply(model, train=rows, epochs=1, steps_per_epoch=1)
loss: torch.Tensor = applied.loss(*rows)
stopped: bool = applied.end_epoch(select=rows)
figures: Mapping[str, float] = regbench.gap(model, rows, rows).gap
"""
WRONG = """
import regbench

stack: int = regbench.stack("dropout")
regbench.stack(3)
regbench.stack("dropout").apply(None, epochs="many")
regbench.gap().best
"""


def test_the_package_is_imported_without_torch() -> None:
    line = "import sys, regbench; print([n for n in ('torch', 'hydra', 'numpy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_is_there_and_no_other_is() -> None:
    assert sorted(regbench.__all__) == regbench.__all__
    assert set(regbench.__all__) <= set(dir(regbench))
    assert [name for name in regbench.__all__ if not callable(getattr(regbench, name))] == []
    with pytest.raises(AttributeError, match=r"^module 'regbench' has no attribute 'stakc'$"):
        regbench.stakc  # noqa: B018


def test_it_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""


@pytest.mark.long
def test_a_type_checker_reads_the_types(tmp_path: Path) -> None:
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("there is no mypy")
    (tmp_path / "right.py").write_text(EXAMPLE)
    (tmp_path / "wrong.py").write_text(WRONG)

    def errors(name: str) -> list[str]:
        command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(tmp_path / name)]
        done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True)
        assert done.stderr == ""
        return [line for line in done.stdout.splitlines() if name in line and "error" in line]

    assert errors("right.py") == []
    lines = {int(line.split(":")[1]) for line in errors("wrong.py")}
    assert lines == {4, 5, 6, 7}
