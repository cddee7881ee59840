"""What lies at the top: of the repository, and of what a person's own part imports."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.laws.test_architecture import VOCABULARY

ROOT = Path(__file__).parents[2]
TOP = {
    *(".ci", ".github", ".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"),
    *("configs", "docs", "hydra_plugins", "outputs", "regbench", "scripts", "tests"),
}
IMPORT = re.compile(r"^(?:from|import) regbench\.?([\w.]*)", re.MULTILINE)
CONTRACT = "data.source"  # what a dataset of one's own has to offer, as types to inherit from or not


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Every file of the repository; of an unpacked source archive nobody has tracked any."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.rstrip("\0").split("\0")


def test_only_what_belongs_there_lies_at_the_top(tracked: list[str]) -> None:
    assert {name.partition("/")[0] for name in tracked} - TOP == set()


def test_nothing_that_is_made_is_tracked(tracked: list[str]) -> None:
    made = (".whl", ".pyc", ".pt", ".egg-info", ".orig", ".rej")
    assert [name for name in tracked if name.endswith(made)] == []


@pytest.mark.parametrize("page", ["README.md", *sorted(path.name for path in (ROOT / "docs").glob("*.md"))])
def test_what_pages_tell_a_person_to_import_is_the_vocabulary(page: str) -> None:
    text = (ROOT / page if page == "README.md" else ROOT / "docs" / page).read_text()
    assert {name for name in IMPORT.findall(text) if name} - {*VOCABULARY, CONTRACT} == set()
