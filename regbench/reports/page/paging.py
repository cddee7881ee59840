"""What a page shows at once where there is much: so many arms in a chart, so many rows of a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from regbench.analysis.report import Comparison
from regbench.reports.page.tables import Cell, SortableTable
from regbench.reports.portions import AT_ONCE, portions

ROWS = 20  # of a table; of more only some are shown
DRAWN = 10  # arms in a chart beside the baseline where there are more: each has a colour of its own
LISTED = 100  # entries of a list; more are a paged table
NO_COLOUR = "transparent"


@dataclass(frozen=True)
class Part:
    """Some arms of a comparison, for a chart; `name` says which."""

    name: str
    comparison: Comparison


def parts(comparison: Comparison) -> list[Part]:
    """A comparison by as many arms as a chart shows, in their order; the baseline is in each."""
    if len(comparison.arms) <= AT_ONCE:
        return [Part("all arms", comparison)]
    count = sum(arm.name != comparison.baseline for arm in comparison.arms)
    return [
        Part(f"{start + 1} to {min(start + DRAWN, count)} of {count}", some)
        for start, some in zip(range(0, count, DRAWN), portions(comparison, DRAWN), strict=True)
    ]


def scripted(value: Any) -> Markup:
    """A value as JSON that may stand in a script element."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


@dataclass(frozen=True)
class Paged:
    """A table of which a page has the first rows, and all of them as JSON where these are not all.

    A row of the JSON is a name, a colour and the cells; a cell its text, or text, aside, what it sorts by and
    class.
    """

    table: SortableTable
    heading: str = "arm"

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Of the columns, as those of the table."""
        return self.table.groups

    @property
    def headings(self) -> list[str]:
        """Of the columns, without the first."""
        return self.table.headings

    @property
    def first(self) -> list[tuple[str, str, list[Cell]]]:
        """The rows that stand in the page."""
        return self.table.rows[:ROWS]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.table.rows)

    @property
    def json(self) -> Markup | None:
        """All rows; None where the first are all."""
        if self.count <= ROWS:
            return None
        return scripted([[name, colour, *map(_compact, cells)] for name, colour, cells in self.table.rows])


def _compact(cell: Cell) -> Any:
    if not cell.aside and cell.sort is None and not cell.kind:
        return cell.text
    return [cell.text, cell.aside, cell.sort, cell.kind]


def listed(entries: Sequence[tuple[str, ...]], headings: Sequence[str]) -> Paged | None:
    """Entries as a table where a list of them is too long; None where it is not.

    Args:
        entries: texts of each, a whole number among them sorts as one.
        headings: one for each text.
    """
    if len(entries) <= LISTED:
        return None
    first, *others = headings
    rows = [(name, NO_COLOUR, [_cell(text) for text in texts]) for name, *texts in entries]
    return Paged(SortableTable([("", len(others))], others, rows), first)


def _cell(text: str) -> Cell:
    return Cell(text, sort=int(text)) if text.isdecimal() else Cell(text, kind="text")
