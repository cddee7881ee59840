"""Tables of texts that fit a width: whole columns go to a second table before any word is broken."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells

BETWEEN = 2  # spaces between two columns
WORD = re.compile(r"\S+")
MEMBER = re.compile(r"[^+,/]*[+,/]+|[^+,/]+")  # of a stack's name or of a path, with the sign that ends it
PIECE = re.compile(r".*?[_./=-]|.+")  # of a name that is longer than any line


@dataclass(frozen=True)
class Table:
    """Headings, and rows of as many texts; the first column has names, of stacks or of folders.

    `spare` has headings of columns that may stand in a second table, those that go first at its start;
    `prose` those of columns that are read as sentences.
    """

    caption: str
    headings: list[str]
    rows: list[list[str]]
    spare: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()


def fitted(table: Table, width: int, whole: Collection[str] = ()) -> list[tuple[Table, list[int]]]:
    """A table as one or more that fit, each with the widths of its columns.

    First the columns that the table can spare (`Table.spare`) move to a second one, then any others from the
    right; the first column stands in each. Cells are folded between words where that saves a table, and words
    are broken only where one alone is wider than its place can be.

    Args:
        table: as it is.
        width: signs of a line.
        whole: headings of columns whose cells are never folded.
    """
    chosen, left = _chosen(table, width, whole)
    made = [(part := _only(table, chosen), _widths(part, width, whole))]
    if not left:
        return made
    rest = _only(table, [0, *left])
    return made + fitted(replace(rest, caption=f"{table.caption} (continued)", spare=()), width, whole)


def _chosen(table: Table, width: int, whole: Collection[str]) -> tuple[list[int], list[int]]:
    """The columns that stand beside each other, and those that are left for another table."""
    everything = list(range(len(table.headings)))
    kept = list(everything)
    for name in ("", *table.spare):
        kept = [place for place in kept if not name or table.headings[place] != name]
        if sum(_unfolded(_only(table, kept), width, whole)) + _gaps(len(kept)) <= width:
            break
    while len(kept) > 2 and sum(_least(_only(table, kept), width, whole)) + _gaps(len(kept)) > width:
        kept.pop()
    return kept, [place for place in everything if place not in kept]


def _gaps(columns: int) -> int:
    return BETWEEN * (columns - 1)


def _only(table: Table, places: Sequence[int]) -> Table:
    """Some columns of a table."""
    rows = [[row[place] for place in places] for row in table.rows]
    return replace(table, headings=[table.headings[place] for place in places], rows=rows)


def _columns(table: Table) -> list[list[str]]:
    return [[row[place] for row in table.rows] for place in range(len(table.headings))]


def _widths(table: Table, width: int, whole: Collection[str]) -> list[int]:
    """What columns need, and of the spare room what their cells want, then their headings."""
    widths = _least(table, width, whole)
    unfolded = _unfolded(table, width, whole)
    cells = [max(map(cell_len, column), default=0) for column in _columns(table)]
    headings = [cell_len(heading) for heading in table.headings]
    for wanted in (unfolded, cells, headings):
        for place, want in enumerate(wanted):
            spare = width - _gaps(len(widths)) - sum(widths)
            widths[place] += max(0, min(want - widths[place], spare))
    return widths


def _unfolded(table: Table, width: int, whole: Collection[str]) -> list[int]:
    """Widths at which no cell but a name is folded."""
    least = _least(table, width, whole)
    longest = [max(map(cell_len, column), default=0) for column in _columns(table)]
    return [least[0], *(max(pair) for pair in zip(least[1:], longest[1:], strict=True))]


def _least(table: Table, width: int, whole: Collection[str]) -> list[int]:
    """Widths at which no word is broken, unless one leaves no room for any other column."""
    made = []
    for place, (heading, cells) in enumerate(zip(table.headings, _columns(table), strict=True)):
        words = WORD.findall(heading)
        for cell in cells:
            words += [cell] if heading in whole else _words(cell, place == 0)
        made.append(max((cell_len(word) for word in words), default=1))
    room = width - max(made[1:], default=0) - BETWEEN
    return [min(made[0], max(room, width // 3)), *(min(one, width) for one in made[1:])]


def _words(text: str, name: bool) -> list[str]:
    """What is not to be broken: words; of a name the members of a stack."""
    words = WORD.findall(text)
    return [part for word in words for part in MEMBER.findall(word)] if name else words


def folded(text: str, width: int, name: bool = False) -> str:
    """A text on as many lines as it needs, broken between words; of a name also after + and comma."""
    if cell_len(text) <= width:
        return text
    lines = [""]
    for word in WORD.findall(text):
        parts = MEMBER.findall(word) if name else [word]
        for number, part in enumerate(parts):
            space = " " if lines[-1] and not number else ""
            for piece in [part] if cell_len(part) <= width else _pieces(part, width):
                if lines[-1] and cell_len(lines[-1] + space + piece) > width:
                    lines.append("")
                    space = ""
                lines[-1] += space + piece
                space = ""
    return "\n".join(lines)


def _pieces(word: str, width: int) -> list[str]:
    """A word that is longer than a line in parts that are not, broken after its signs where it has some."""
    return [part for piece in PIECE.findall(word) for part in chop_cells(piece, width)]
