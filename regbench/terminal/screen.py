"""Tables and sentences in a terminal, or piped."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from regbench.errors import printable
from regbench.terminal.columns import Table, fitted, folded
from regbench.terminal.stdio import NARROWEST

PIPED = 120  # columns, where nobody watches and nobody says how many


class Screen(Console):
    """A console that shows a person's words in printable signs, and that a lacking sign does not stop."""

    def __init__(self, **given: Any) -> None:
        stream = sys.stderr if given.get("stderr") else sys.stdout
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may not know every sign
        super().__init__(**given)

    def render(self, *given: Any, **named: Any) -> Iterator[Segment]:  # type: ignore[override]
        """What is drawn, in pieces: none of them steers the terminal but rich's own."""
        for piece in super().render(*given, **named):
            if piece.control or piece.text.isprintable():
                yield piece
            else:
                yield Segment("\n".join(map(printable, piece.text.split("\n"))), piece.style)


class Terminal(Screen):
    """A screen as wide as it is watched; a reader who has gone is no error."""

    def __init__(self) -> None:
        super().__init__()
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = PIPED

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, which ends quietly; rich would end with status 1."""
        raise BrokenPipeError


def print_table(console: Console, table: Table, whole: Collection[str] = ()) -> None:
    """Print a table below its caption, as several where it is too wide; texts are shown as they are.

    Args:
        console: where.
        table: what.
        whole: headings of columns whose cells are never folded.
    """
    for number, (part, widths) in enumerate(fitted(table, max(console.width, NARROWEST), whole)):
        if number:
            console.print()
        print_lines(console, [part.caption], "bold")
        console.print(_drawn(part, widths))


def drawn(table: Table, width: int) -> list[Text | RichTable]:
    """A table below its caption as what rich draws, for a place that is drawn again and again."""
    made: list[Text | RichTable] = []
    for part, widths in fitted(table, max(width, NARROWEST)):
        made += [Text(part.caption, "bold"), _drawn(part, widths)]
    return made


def _drawn(table: Table, widths: Sequence[int]) -> RichTable:
    drawn = RichTable(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for number, (heading, width) in enumerate(zip(table.headings, widths, strict=True)):
        side = "right" if number and heading not in table.prose else "left"
        drawn.add_column(Text(folded(heading, width)), width=width, no_wrap=True, justify=side)  # type: ignore[arg-type]
    for row in table.rows:
        cells = zip(row, widths, strict=True)
        drawn.add_row(*(Text(folded(cell, width, not number)) for number, (cell, width) in enumerate(cells)))
    return drawn


def print_lines(console: Console, lines: Sequence[str], style: str = "") -> None:
    """Print sentences as they are, folded at words where somebody watches."""
    for line in lines:
        console.print(Text(line, style), soft_wrap=not console.is_terminal)


def print_command(console: Console, line: str) -> None:
    """Print what can be typed, on a line of its own that is never folded, so that it can be copied."""
    console.print(Text(f"  {line}"), soft_wrap=True)
