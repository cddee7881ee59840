"""Every regularizer on a table: it acts there, or says in a sentence what it needs instead."""

from __future__ import annotations

import functools
import random
import re
from pathlib import Path
from typing import Any

import pytest

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.training.audit import audit
from tests.conftest import SMALL, all_regs, compose, given_runs, reg_node

NEEDS = r"images|token ids|'\w+' site|numbers"  # what a member may say that a table has not, or an MLP


@functools.cache
def rows(folder: Path) -> Path:
    """A table of numbers with gaps, categories and two classes."""
    draw, file = random.Random(0), folder / "table.csv"
    lines = ["size,age,kind,town,y"]
    for number in range(240):
        size = "" if number % 9 == 0 else f"{draw.gauss(0, 1):.3f}"
        lines.append(f"{size},{draw.randint(1, 90)},{'abc'[number % 3]},t{draw.randint(0, 8)},{number % 2}")
    file.write_text("\n".join(lines))
    return file


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    file = rows(tmp_path_factory.mktemp("table"))
    return ["dataset=table", f"dataset.path={file}", "dataset.target=y", "train.lr=0.05"]


def config_of(table: list[str], name: str) -> dict[str, Any]:
    config = compose(*table, "model=mlp", "model.width=16", *SMALL)
    return given_runs(config | {"reg": {name: reg_node(name)}})


@pytest.mark.parametrize("name", all_regs())
def test_acts_on_a_table_or_says_what_it_needs(name: str, table: list[str]) -> None:
    config = config_of(table, name)
    try:
        found = audit(lambda out: build_run(config, build_stack(config["reg"] if not out else {})))
    except ConfigError as error:
        said = str(error)
        assert said.startswith(f"reg.{name}: ")
        assert "\n" not in said
        assert len(said) < 200
        assert re.search(NEEDS, said)
    else:
        assert found.findings[0].state in ("acts", "rule")
