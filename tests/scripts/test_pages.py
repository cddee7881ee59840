"""Pages that scripts make are made by them alone, of figures that say where they come from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import pages
import speed
from members import class_of, members, node

ROOT = Path(__file__).parents[2]
Script = Callable[[str], ModuleType]
OF = {  # page: script
    "race": "race",
    "pairs": "pairs",
    "learning_rates": "rates",
    "results": "results",
    "tabular_cocktail": "tabular",
}


@pytest.mark.parametrize("name", OF)
def test_a_committed_page_is_what_its_script_writes(script: Script, name: str) -> None:
    assert (ROOT / "docs" / f"{name}.md").read_text() == script(OF[name]).page(*pages.kept(name))


def test_so_are_those_of_cost_and_speed(script: Script) -> None:
    assert (ROOT / "docs" / "cost.md").read_text() == script("bench").cost_page(*pages.kept("cost"))
    parts = map(pages.kept, (speed.LOOP, speed.COMPARE, speed.SWEEP))
    assert (ROOT / "docs" / "speed.md").read_text() == speed.page(*parts)


@pytest.mark.parametrize("name", ["peeking", "splits"])
def test_so_are_sections_of_that_of_verdicts(script: Script, name: str) -> None:
    made = script(name)
    text, section = (ROOT / "docs" / "compare.md").read_text(), made.page(*pages.kept(name))
    assert pages.placed(text, made.HEADING, section) == text
    with pytest.raises(ValueError, match="must have one section"):
        pages.placed("# Mine\n", made.HEADING, section)


def test_all_kept_figures_are_of_a_page() -> None:
    names = {path.stem for path in pages.FIGURES.iterdir() if path.is_file()}  # folders: test_published.py
    assert names == {*OF, "cost", "peeking", "splits", speed.LOOP, speed.COMPARE, speed.SWEEP}


@pytest.mark.parametrize("path", sorted(pages.FIGURES.rglob("*.json")), ids=lambda path: path.stem)
def test_kept_figures_say_where_they_come_from(path: Path) -> None:
    stamp = pages.Stamp(**json.loads(path.read_text())["stamp"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", stamp.date)
    assert (ROOT / stamp.command.split()[0]).is_file()
    assert re.fullmatch(r"[0-9a-f]{7,}\+?", stamp.commit)
    assert stamp.version


def test_a_stamp_of_now_says_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/scripts/some", "--folder", "/my/runs", "--thing"])
    said = pages.Stamp.now().sentence()
    pattern = r"Measured by `scripts/some --thing`: 2\d{3}-\d\d-\d\d, regbench \S+ at .+, "
    pattern += r"torch 2\S+, \d+ cores of .+\."
    assert re.fullmatch(pattern, said)


def test_what_old_figures_lack_is_said() -> None:
    said = pages.Stamp("scripts/x", "2026-01-02", "0.1.0", "abcdef0", note="So it is.").sentence()
    assert said == (
        "Measured by `scripts/x`: 2026-01-02, regbench 0.1.0 at abcdef0, torch's version was not kept, "
        "the machine was not kept. So it is."
    )


def test_figures_are_kept_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FIGURES", tmp_path)
    stamp, figures = pages.Stamp("c", "2026-01-02", "1", "a"), {"ä": [1.5, None, "±"], "b": {"1": -0.0}}
    pages.keep("some", stamp, figures)
    assert pages.kept("some") == (stamp, figures)


def test_a_cell_cannot_end_a_row_early() -> None:
    assert pages.table(["a", "b"], [["1|2", "3"]]) == ["| a | b |", "| --- | --- |", "| 1/2 | 3 |"]


def test_members_are_those_of_the_folder_with_their_settings_and_probe_values() -> None:
    assert members() == sorted(path.stem for path in (ROOT / "configs" / "reg").glob("*.yaml"))
    assert node("dropout") == {
        "_target_": "regbench.regularizers.dropout.Dropout",
        **{"p": 0.5, "mode": "inverted", "where": "default"},
    }
    assert node("l2")["strength"] == 5e-4  # as Hydra reads it, and not a word
    assert node("feature_space")["epochs"] == class_of("feature_space").visible_at["epochs"] == 2
