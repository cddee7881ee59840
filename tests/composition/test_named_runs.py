"""Which values of a stack are folders of runs: told by the text of a class that is never imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from regbench.composition.named_runs import named_runs
from regbench.composition.settings import settled
from tests.conftest import compose, reg_node

OWN = """
from typing import ClassVar
raise SystemExit("imported")

class Base:
    reads_runs: ClassVar = {"from_run": "model"}

class Mine(Base):
    pass
"""


def keys(stack: Any) -> list[tuple[str, str]]:
    return [(named.full_key, named.path) for named in named_runs(stack)]


def test_a_members_own_class_says_which_of_its_values_are_such() -> None:
    stack = {"distillation": reg_node("distillation", teacher="a/b"), "dropout": reg_node("dropout")}
    assert keys(stack) == [("reg.distillation.teacher", "a/b")]
    assert keys({"l2_sp": reg_node("l2_sp", start="c")}) == [("reg.l2_sp.start", "c")]


@pytest.mark.parametrize("value", [None, "", "???", True, ["a"]])
def test_what_is_no_path_is_none(value: Any) -> None:
    assert keys({"distillation": reg_node("distillation", teacher=value)}) == []


@pytest.mark.parametrize(("value", "path"), [(3, "3"), (1.5, "1.5")])
def test_a_folder_may_have_a_number_for_a_name(value: float, path: str) -> None:
    found = keys({"distillation": reg_node("distillation", teacher=value)})
    assert found == [("reg.distillation.teacher", path)]


def test_a_class_says_at_which_values_nothing_is_read() -> None:
    def off(name: str, **values: Any) -> list[bool]:
        return [named.is_off for named in named_runs({name: reg_node(name, **values)})]

    assert off("distillation", teacher="a", share=0) == [True]
    assert off("distillation", teacher="a", share=0.1) == [False]
    assert off("l2_sp", start="a", strength=0.0) == [False]
    assert off("l2_sp", start="a", strength=0.0, head_strength=0.0) == [True]


def test_members_within_members_have_longer_keys() -> None:
    inner = {"first": reg_node("distillation", teacher="a"), "second": reg_node("distillation", teacher="b")}
    expected = [("reg.both.first.teacher", "a"), ("reg.both.second.teacher", "b")]
    assert keys({"both": inner}) == expected


def test_a_class_of_ones_own_is_read_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_named.py").write_text(OWN)
    stack = {"mine": {"_target_": "mine_named.Mine", "from_run": "a", "other": "b"}}
    assert keys(stack) == []
    assert [named.path for named in named_runs(stack, str(tmp_path))] == ["a"]
    monkeypatch.syspath_prepend(tmp_path)
    assert keys(stack) == [("reg.mine.from_run", "a")]
    assert "mine_named" not in sys.modules


BASES = {  # ways to a class of the package, and to one of a module beside
    "from_module": "from regbench.regularizers import distillation as d\nclass Mine(d.Distillation): pass",
    "as_module": "import regbench.regularizers.distillation as d\nclass Mine(d.Distillation): pass",
    "whole_name": "import regbench.regularizers.distillation\n"
    "class Mine(regbench.regularizers.distillation.Distillation): pass",
    "beside": "from . import as_module\nclass Mine(as_module.Mine): pass",
    "above": "from ..mypk_named.as_module import Mine as Other\nclass Mine(Other): pass",
    "__init__": "from .impl import Mine as Ours\nfrom . import Absent",
    "impl": "from regbench.regularizers.distillation import Distillation\nclass Mine(Distillation): pass",
}


@pytest.mark.parametrize("way", BASES)
def test_a_class_is_found_by_whatever_way_it_is_imported(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "outer_named" / "mypk_named"
    package.mkdir(parents=True)
    for name, text in BASES.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    target = "outer_named.mypk_named." + ("Ours" if way == "__init__" else f"{way}.Mine")
    assert keys({"mine": {"_target_": target, "teacher": "a"}}) == [("reg.mine.teacher", "a")]
    assert keys({"mine": {"_target_": "outer_named.mypk_named.Absent", "teacher": "a"}}) == []


@pytest.mark.parametrize("text", ["class Mine(:", "(" * 10_000, "x = 1"])
def test_a_file_that_cannot_be_read_names_none(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_named.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert keys({"mine": {"_target_": "broken_named.Mine", "teacher": "a"}}) == []


@pytest.mark.parametrize("target", [3, "", "x", "../x.Y", "a..b", "a b.c"])
def test_what_names_no_class_names_none(target: Any) -> None:
    assert keys({"mine": {"_target_": target, "teacher": "a"}}) == []
    assert keys({"mine": "a"}) == keys("a") == keys(None) == []


def test_paths_become_absolute_and_are_those_of_the_folder_of_the_line(tmp_path: Path) -> None:
    config = compose("+reg=distillation", "reg.distillation.teacher=some/run")
    assert config["reg"]["distillation"]["teacher"] == os.path.abspath("some/run")
    config["reg"]["distillation"]["teacher"] = "some/run"
    assert settled(config, str(tmp_path))["reg"]["distillation"]["teacher"] == str(tmp_path / "some/run")
    config["reg"]["distillation"]["teacher"] = "~/run"
    assert settled(config)["reg"]["distillation"]["teacher"] == os.path.expanduser("~/run")
