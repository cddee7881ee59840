"""regbench docs: the pages of the documentation, in a terminal or as they are written."""

from __future__ import annotations

import re
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from regbench.composition.paths import docs_dir
from regbench.errors import ConfigError
from regbench.targets.fields import nearest
from regbench.terminal.arguments import Arguments
from regbench.terminal.screen import Terminal

INDEX = "README"  # the page that says what each is of, a line for each
LINE = re.compile(r"^- \[(.+?)\]\(.+?\): (.+)$", re.MULTILINE)


def main(argv: list[str]) -> int:
    """Print a page, or the names of all; return the exit status.

    Raises:
        ConfigError: there is no such page.
    """
    parser = Arguments(prog="regbench docs", description=__doc__)
    parser.add_argument("page", metavar="NAME", nargs="?", help="of a page; without it all are listed")
    asked = parser.parse_args(argv).page
    found = pages()
    if asked is None:
        _list(found)
        return 0
    name = asked.removeprefix("docs/").removesuffix(".md")
    path = found.get(name) or next((p for n, p in found.items() if n.endswith(f"/{name}")), None)
    if path is None:
        close = nearest(name, found) or f"; there are {', '.join(found)}"
        raise ConfigError(f"docs: no page {asked!r}{close}")
    text = path.read_text(encoding="utf-8")
    console = Console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        print(text, end="")
    return 0


def pages() -> dict[str, Path]:
    """Name and file of each page."""
    folder = docs_dir()
    files = sorted(folder.rglob("*.md"), key=lambda path: (len(path.parts), path))
    return {str(path.relative_to(folder).with_suffix("").as_posix()): path for path in files}


def _list(found: dict[str, Path]) -> None:
    """Print the name of each page and what the index says of it, in the index's order."""
    says = dict(LINE.findall(found[INDEX].read_text(encoding="utf-8"))) if INDEX in found else {}
    names = sorted(found, key=lambda name: (name != INDEX, [*says, name].index(name)))
    table = Table(box=None, show_header=False, pad_edge=False)
    for name in names:
        table.add_row(Text(name, no_wrap=True), Text(says.get(name, "") or _title(found[name])))
    Terminal().print(table)


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
