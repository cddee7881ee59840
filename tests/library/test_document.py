"""The page of the library: every block of it is run, in order, and what it lists is what there is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, TensorDataset

import regbench
from tests.library.nets import net, rows, sgd

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "library.md").read_text()
OTHERS = ("lightning", "transformers")


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore")  # what others warn of is theirs
def test_every_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    there: dict[str, object] = {"__name__": "page"}
    found = blocks()
    assert len(found) > 8
    for block in found:
        needed = re.findall(r"^(?:import|from) (\w+)", block, re.MULTILINE)
        if all(importlib.util.find_spec(name) for name in needed if name in OTHERS):
            exec(compile(block, "docs/library.md", "exec"), there)
    said = capsys.readouterr().out
    assert "dropout + l2 + mixup + early_stopping, seed 0" in said
    assert "dropout acts" in said
    assert "gap" in said


def test_the_readme_shows_a_loop_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(
        r"```python\n(import regbench\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    model = net()
    loader = DataLoader(TensorDataset(*rows()), batch_size=32)
    exec(block, {"model": model, "optimizer": sgd(model), "loader": loader, "val_loader": loader})
    said = capsys.readouterr().out
    assert "sam acts" in said
    assert "48 train rows, 48 val rows" in said


def test_the_table_lists_the_names_that_are_public() -> None:
    rows = re.findall(r"^\| `(\w+)(?:\(.*?\))?` \| (.*) \|$", TEXT, re.MULTILINE)
    told = {name for name, _ in rows} | {
        n for _, what in rows for n in re.findall(r"\ban? `([A-Z]\w+)`", what)
    }
    assert told | {"Stack"} == set(regbench.__all__)
    for name in regbench.__all__:
        assert getattr(regbench, name).__doc__


def test_what_the_table_says_of_applied_is_there() -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("| `Applied`"))
    names = re.findall(r"`(\w+)`", row)[1:]
    assert len(names) > 10
    said = regbench.Applied.__doc__ or ""
    assert [n for n in names if not hasattr(regbench.Applied, n) and f" {n}:" not in said] == []
