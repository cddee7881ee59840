"""Response curves as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from regbench import __version__
from regbench.folders.outputs import write_output
from regbench.reports.drawings.response import response
from regbench.reports.drawings.sketch import Sketch
from regbench.reports.page.charts import embedded
from regbench.reports.page.document import SNAPSHOTS, document
from regbench.reports.page.tables import SIGNS
from regbench.reports.response_text import DRAWN, pages, short
from regbench.reports.wording import UNADJUSTED, typeset
from regbench.terminal.columns import Table

TERMS = (
    "Each point is one value with all of its seeds. Of the rows, train is what is learned from; select stops "
    "runs and picks epochs; val judges and chooses nothing."
)


def write_page(sketches: Sequence[Sketch], path: Path) -> None:
    """Write the page, whole or not at all; the same curves give the same bytes.

    Args:
        sketches: of the curves, a section each.
        path: of the file, replaced if it is there; about 5 MB, for plotly's library is in it.

    Raises:
        OSError: the file cannot be written.
    """
    write_output(path, render(sketches).encode(errors="backslashreplace"))


def render(sketches: Sequence[Sketch]) -> str:
    """The page as text. All that came from a configuration is escaped."""
    sections = [_section(place, one) for place, one in enumerate(sketches, 1)]
    charts = any(section["chart"] for section in sections)
    return document(
        "response.html", charts, sections=sections, terms=TERMS, unadjusted=UNADJUSTED, regbench=__version__
    )


def _section(place: int, sketch: Sketch) -> dict[str, Any]:
    """All that the template shows of one curve."""
    curve, best = sketch.curve, sketch.curve.best
    shown = pages(curve)
    unresolved = curve.design.sentence if curve.design and not curve.design.resolves else None
    verdicts, rest = _sentences(shown, unresolved)
    ends = best is not None and best.low is not None
    return {
        "id": f"curve-{place}",
        "curve": curve,
        "metric": curve.terms.title(curve.metric),
        "snapshot": SNAPSHOTS.get(curve.at, curve.at),
        "best": short(best.value) if best else "-",
        "interval": f"{short(best.low)} to {short(best.high)}" if best and ends else "-",
        "unresolved": unresolved,
        "about": [typeset(line) for line in rest if line not in curve.notes],
        "verdicts": verdicts,
        "chart": embedded(response(sketch)),
        "zones": bool(sketch.zones),
        "hollow": any(one.diverged for one in curve.points),
        "tables": [_without(table, DRAWN) for table, _ in shown],
    }


def _sentences(
    shown: Sequence[tuple[Table, Sequence[str]]], unresolved: str | None
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Those on differences, each with the word and the sign of its verdict, and all others.

    The sentences on differences are those of the second table's rows, in their order.
    """
    words = [row[-1] for row in shown[1][0].rows] if len(shown) > 1 else []
    verdicts, rest = [], list(shown[0][1])
    for line, word in zip_longest(shown[1][1] if len(shown) > 1 else [], words):
        if word:
            verdicts.append((typeset(line), word, SIGNS.get(word, "")))
        elif line != unresolved:
            rest.append(line)
    return verdicts, rest


def _without(table: Table, heading: str) -> Table:
    """A table without one of its columns, with real minus signs."""
    kept = [place for place, name in enumerate(table.headings) if name != heading]
    return Table(
        table.caption,
        [table.headings[place] for place in kept],
        [[typeset(row[place]) for place in kept] for row in table.rows],
    )
