"""docs/regularizers.md is what the classes, the YAML and its own hand-written lists make of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from members import members
from regbench.composition.catalogue import entries, off_values

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "regularizers.md"
DOC = """Do a thing.

mode a: x <- y, shown as zeros.<layer>.
    w < 3, <as it is>

Paper: Somebody, 2020, https://example.org/1,
section 2

Attributes:
    size: how large, at least 1; None: as large
        as it goes.
    mode: which of the two.

Raises:
    ValueError: size is out of range.
"""


@pytest.fixture(scope="module")
def docs(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("docs")


def test_the_committed_page_is_what_the_script_writes(docs: ModuleType) -> None:
    assert docs.page(PAGE.read_text(), added=False) == PAGE.read_text()


def test_a_section_holds_definition_paper_fields_and_the_list_that_was_there(docs: ModuleType) -> None:
    assert docs.definition(DOC) == (
        "Do a thing.\n\nmode a: x <- y, shown as zeros.\\<layer>.\n    w < 3, <as it is>\n\n"
        "Paper: Somebody, 2020, https://example.org/1,\nsection 2"
    )
    said = {"size": "how large, at least 1; None: as large as it goes.", "mode": "which of the two."}
    assert docs.attributes(DOC) == said
    assert docs.attributes("Do a thing.") == {}


def test_words_and_numbers_are_those_that_a_person_types(docs: ModuleType) -> None:
    assert docs.takes("'a' | 'b' | list[int] | None") == "a, b, list[int], null"
    values = [None, True, 0.0, 5e-4, 1e-12, 1_000_000_000, "select/loss"]
    said = ["null", "true", "0", "0.0005", "1e-12", "1000000000", "select/loss"]
    assert [docs.typed(value) for value in values] == said


def test_what_is_by_hand_stays_and_what_is_generated_does_not(docs: ModuleType) -> None:
    mine = "# Mine\n\nOf my own.\n\n## rotation\n\nwrong\n\n- **Acts** here.\n- **Checked**: so.\n\n"
    mine += "## gone\n\n- **Acts** no more.\n"
    made = docs.page(mine)
    assert made.startswith("# Mine\n\nOf my own.\n\n## activity\n\nAsk hidden units ")
    assert "\n\n- **Acts** here.\n- **Checked**: so.\n\n## saliency_mix\n" in made
    assert "wrong" not in made
    assert "gone" not in made


def test_every_regularizer_has_every_field_said_and_a_list_if_any_is_whole(docs: ModuleType) -> None:
    lists = docs.by_hand(PAGE.read_text())[1]
    assert list(lists) == [name for name in members() if name in lists]
    off = off_values()
    for entry in entries("reg"):
        said = docs.attributes(docs.docstring(entry.target))
        assert list(said) == [parameter.name for parameter in entry.parameters], entry.name
        assert {*off[entry.name]} <= {*said}, entry.name
        words = ("- **Acts**", "- **Interactions**", "- **Checked**")
        by_hand = lists.get(entry.name, "")
        assert not by_hand or all(word in by_hand for word in words), entry.name


def test_it_needs_no_torch() -> None:
    code = "import sys, runpy; sys.argv = ['docs', '--check']; sys.path.insert(0, 'scripts')\n"
    code += "try: runpy.run_path('scripts/docs', run_name='__main__')\n"
    code += "except SystemExit as end: assert not end.code\nassert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
