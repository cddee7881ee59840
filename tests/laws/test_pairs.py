"""Pairs of regularizers on all model families: those of members that have changed; in the remainder all."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import itertools
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def _script(name: str) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(f"{name}_script", str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


pairs = _script("pairs")
WITNESSES = ["dropout", "ema", "l2", "mixup", "sam"]  # among each other, where no member has changed
MOST = 4  # changed members: where there are more, the long remainder is what tests them
CHUNKS = 100  # a test for each pair would be some thousands: each chunk names every pair in it that fails


def changed() -> list[str]:
    """The members whose class or settings differ from main's, or on main from those of the commit before."""
    head, main = _git("rev-parse", "HEAD"), _git("merge-base", "HEAD", "main")
    files = _git("diff", "--name-only", "HEAD~1" if main in (head, []) else main[0])
    files += _git("ls-files", "--others", "--exclude-standard")
    return [
        name
        for name in pairs.members()
        if {f"regbench/regularizers/{name}.py", f"configs/reg/{name}.yaml"} & {*files}
    ]


def _git(*words: str) -> list[str]:
    """The lines that git says; none where there is no repository."""
    said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    return said.stdout.splitlines() if said.returncode == 0 else []


def chosen() -> list[Any]:
    """The cases of each pair with a member that has changed, or of the witnesses."""
    found = changed()
    few = 0 < len(found) <= MOST
    wanted = [(name,) for name in found] if few else list(itertools.combinations(WITNESSES, 2))
    return list(dict.fromkeys(case for names in wanted for case in pairs.cases(names)))


def judge(cases: list[Any]) -> None:
    """Each acts, or refuses and says why."""
    outcomes = [pairs.judge(case) for case in cases]
    assert [(vars(o.case), o.fault) for o in outcomes if o.fault] == []
    for outcome in outcomes:
        names = (outcome.case.first, outcome.case.second)
        assert not outcome.refused or any(name in outcome.refused for name in names), outcome
    assert cases


@pytest.mark.parametrize("chunk", range(CHUNKS // 20))
def test_a_pair_with_a_member_that_has_changed_acts_or_refuses_and_says_why(chunk: int) -> None:
    judge(chosen()[chunk :: CHUNKS // 20])


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_pair_acts_or_refuses_and_says_why(chunk: int) -> None:
    judge(list(pairs.cases())[chunk::CHUNKS])


def test_members_that_have_changed_are_told_by_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"rev-parse": ["b"], "merge-base": ["a"], "ls-files": ["configs/reg/sam.yaml"]}
    said["diff"] = ["regbench/regularizers/l2.py", "regbench/regularizers/base.py", "docs/l1.yaml"]
    monkeypatch.setattr(sys.modules[__name__], "_git", lambda word, *_: list(said[word]))
    assert changed() == ["l2", "sam"]
    partners = {case.second for case in chosen() if case.first == "l2"}
    partners |= {case.first for case in chosen() if case.second == "l2"}
    assert partners == {*pairs.members()} - {"l2"}
    said["diff"] = [f"configs/reg/{name}.yaml" for name in pairs.members()]
    assert {name for case in chosen() for name in (case.first, case.second)} == {*WITNESSES}
    said["diff"] = said["ls-files"] = []
    assert {name for case in chosen() for name in (case.first, case.second)} == {*WITNESSES}


def test_the_table_of_refusals_is_of_members_that_there_are() -> None:
    """It may lack one that has come since: a new member is three files, and no edit."""
    table = (ROOT / "docs" / "pairs.md").read_text()
    counted = re.search(r"(\d+) regularizers", table)
    assert counted
    assert 0 < int(counted[1]) <= len(pairs.members())
    named = {name for row in re.findall(r"^\| (\w+), (\w+) \|", table, re.MULTILINE) for name in row}
    assert named
    assert named <= {*pairs.members()}


def test_a_fault_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from regbench.regularizers.dropout import Drop

    monkeypatch.setattr(Drop, "forward", lambda self, inputs: inputs)
    outcome = pairs.judge(pairs.Case("dropout", "l2", "mlp"))
    assert "dropout: changes nothing" in outcome.fault
