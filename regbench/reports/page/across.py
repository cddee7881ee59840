"""What holds over several conditions as one HTML page that needs nothing but itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regbench import __version__
from regbench.analysis.across_report import Across, Technique
from regbench.analysis.report import Report
from regbench.folders.outputs import write_output
from regbench.reports.across_text import besides, measure, sentence, tables
from regbench.reports.drawings.across import charts
from regbench.reports.page.charts import embedded
from regbench.reports.page.document import SNAPSHOTS, document
from regbench.reports.page.tables import SIGNS
from regbench.reports.wording import left_out, measured_on, typeset
from regbench.terminal.columns import Table

TERMS = (
    "A condition is all runs that differ in nothing but the stack and the seed. Techniques are compared with "
    "the baseline in each condition by itself; what holds over the conditions is said beside that."
)


def write_page(told: Report, found: Across, path: Path) -> None:
    """Write the page, whole or not at all; the same findings give the same bytes.

    Args:
        told: the report that the conditions are of.
        found: what holds over them.
        path: of the file, replaced if it is there; about 5 MB, for plotly's library is in it.

    Raises:
        OSError: the file cannot be written.
    """
    write_output(path, render(told, found).encode(errors="backslashreplace"))


def render(told: Report, found: Across) -> str:
    """The page as text. All that came from a configuration is escaped."""
    every = charts(found)
    return document(
        "across.html",
        bool(every),
        found=found,
        terms=TERMS,
        intro=_intro(found),
        verdicts=[_verdict(one, found) for one in found.techniques],
        about=[typeset(line) for line in besides(found) if line not in (*found.notes, found.unaveraged)],
        drawn=[(one.name, one.heading, one.drawing.caption, embedded(one.drawing)) for one in every],
        tables=[_set(table) for table in tables(found)],
        conditions=[(one.name, one.values, one.comparison) for one in found.conditions],
        left_out=left_out(told.excluded, told.duplicates, told.complaints),
        regbench=__version__,
    )


def _intro(found: Across) -> str:
    rows = measured_on(found.metric).replace("this", "the")
    return (
        f"By {measure(found)}, on {rows} of each condition, against {found.baseline}, "
        f"of {SNAPSHOTS.get(found.at, found.at)}:"
    )


def _verdict(one: Technique, found: Across) -> tuple[str, str, str]:
    """The sentence on a technique with the word and the sign of its verdict over the conditions."""
    word = one.verdict.word if one.verdict else ""
    return typeset(sentence(one, found)), word, SIGNS.get(word, "")


def _set(table: Table) -> Any:
    """A table with real minus signs."""
    return Table(table.caption, table.headings, [[typeset(cell) for cell in row] for row in table.rows])
