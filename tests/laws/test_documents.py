"""Every page is in the index, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from regbench.cli import COMMANDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures, those to other places aside."""
    found = re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text()))
    return [target for target in found if not re.match(r"https?:", target)]


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        led = (page.parent / path).resolve() if path else page
        assert led.exists(), target
        assert not anchor or anchor in anchors(led), target


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One word, `two`\n[a](https://example.org) ![b](c.png) [d](#e)\n```\n[f](g)\n```\n")
    assert (links(page), anchors(page)) == (["c.png", "#e"], {"one-word-two"})


def test_every_page_is_in_the_index_once() -> None:
    listed = [DOCS / target for target in links(DOCS / "README.md")]
    assert sorted(listed) == [page for page in sorted(DOCS.rglob("*.md")) if page != DOCS / "README.md"]


def test_the_index_is_reached_from_the_readme_and_no_page_is_left_out_of_the_list() -> None:
    assert "docs/README.md" in links(ROOT / "README.md")
    lines = [line for line in (DOCS / "README.md").read_text().splitlines() if line.startswith("- ")]
    assert [re.match(r"- \[(.+)\]\(\1\.md\): \S", line) is None for line in lines] == [False] * len(lines)


COMMAND = re.compile(rf"\bregbench (?:{'|'.join(COMMANDS)}) [^`|]*")


def unreadable(text: str) -> list[str]:
    """Command lines of a text in which a shell finds no commands: a bracket without quotes, an open quote."""
    lines = [found[0] for line in text.splitlines() if (found := COMMAND.search(line))]
    return [one for one in lines if subprocess.run(["sh", "-nc", one], capture_output=True).returncode]


def test_a_line_that_no_shell_reads_is_seen() -> None:
    text = "a\nregbench train -m seed=range(4)\n# run: regbench train -m 'seed=range(4)'\nregbench plan 'x"
    assert unreadable(text) == ["regbench train -m seed=range(4)", "regbench plan 'x"]


EXPERIMENTS = sorted((ROOT / "configs" / "experiment").rglob("*.yaml"))


@pytest.mark.parametrize("page", [*PAGES, *EXPERIMENTS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_can_be_typed_as_it_stands(page: Path) -> None:
    assert unreadable(page.read_text()) == []
