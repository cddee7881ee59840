"""A fifth of all pairs of regularizers on all model families, another fifth from commit to commit."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PARTS = 5


def _script(name: str) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(f"{name}_script", str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


def _part() -> int:
    """Which fifth: by the commit, or the first where there is no repository."""
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return int(said.stdout.strip() or "0", 16) % PARTS if said.returncode == 0 else 0


pairs = _script("pairs")
CHUNKS = 40  # a test for each would be some hundreds: each chunk names every pair in it that fails


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_pair_acts_or_refuses_and_says_why(chunk: int) -> None:
    cases = [c for place, c in enumerate(pairs.cases()) if place % PARTS == _part()][chunk::CHUNKS]
    outcomes = [pairs.judge(case) for case in cases]
    assert [(vars(o.case), o.fault) for o in outcomes if o.fault] == []
    for outcome in outcomes:
        names = (outcome.case.first, outcome.case.second)
        assert not outcome.refused or any(name in outcome.refused for name in names), outcome
    assert cases


def test_the_table_of_refusals_is_not_older_than_the_list_of_members() -> None:
    table = (ROOT / "docs" / "pairs.md").read_text()
    assert f"{len(pairs.members())} regularizers" in table


def test_a_fault_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from regbench.regularizers.dropout import Drop

    monkeypatch.setattr(Drop, "forward", lambda self, inputs: inputs)
    outcome = pairs.judge(pairs.Case("dropout", "l2", "mlp"))
    assert "dropout: changes nothing" in outcome.fault
