"""The README's commands are commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from regbench.cli import COMMANDS
from regbench.composition.compose import compose_jobs, read_line

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
LINES = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.S) for line in block.splitlines()]
REGBENCH = sorted(
    {shlex.join(shlex.split(line, comments=True)) for line in LINES if line.startswith("regbench ")}
)


def test_the_readme_shows_commands() -> None:
    assert len(REGBENCH) > 10


@pytest.mark.parametrize("line", REGBENCH)
def test_every_command_is_one(line: str) -> None:
    _, command, *words = shlex.split(line)
    assert command in COMMANDS
    own = "--config-dir" in words or "model=own" in words or "dataset=own" in words
    if command == "train" and not own:
        assert compose_jobs(read_line(words))


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in TEXT


def test_every_file_it_points_at_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_ci_calls_the_test_command_of_the_readme() -> None:
    install, tests = (line for line in LINES if line.startswith("python3 -m venv"))
    assert install.endswith("regbench train +reg=dropout")
    assert tests.split("&& ")[-1] in (ROOT / ".ci" / "run").read_text().splitlines()
