"""An advice as one HTML page that needs nothing but itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from regbench.analysis.advising import Advice
from regbench.analysis.searching import Outcome
from regbench.folders.outputs import write_output
from regbench.reports.advice_text import left_out_table, part_table, race_table, stage_table
from regbench.reports.advice_words import CHOSEN, answers, headline, of_ablation
from regbench.reports.drawings.advice import parts, raced
from regbench.reports.page.charts import embedded
from regbench.reports.page.document import document
from regbench.reports.wording import typeset
from regbench.terminal.columns import Table

TERMS = (
    "Every technique that can act here was tried at its defaults; the best of them were tuned, and so was "
    "the baseline; the winner was compared with the tuned baseline on fresh seeds. Of the rows, train is "
    "what is learned from; select chooses; val judges and chooses nothing; test stays sealed, unless --test "
    "reads it."
)
SIGNS = {Outcome.OPEN: "…", Outcome.SURVIVES: "▲", Outcome.NOTHING: "○"}


def write_page(advice: Advice, path: Path) -> None:
    """Write the page, whole or not at all; the same findings give the same bytes.

    Args:
        advice: what was found.
        path: of the file, replaced if it is there; about 5 MB, for plotly's library is in it.

    Raises:
        OSError: the file cannot be written.
    """
    write_output(path, page(advice).encode(errors="backslashreplace"))


def page(advice: Advice) -> str:
    """The page as text. All that came from a configuration is escaped."""
    every = {"race": raced(advice), "parts": parts(advice)}
    drawn = {name: one and {"caption": one.caption, "figure": embedded(one)} for name, one in every.items()}
    return document(
        "advice.html",
        any(drawn.values()),
        advice=advice,
        terms=TERMS,
        sign=SIGNS[advice.search.outcome],
        headline=typeset(headline(advice)),
        answers=[typeset(line) for line in answers(advice)],
        test=[typeset(line) for line in advice.test],
        ablation=[typeset(line) for line in of_ablation(advice)],
        parts=_set(part_table(advice)),
        race=_set(race_table(advice)),
        left_out=_set(left_out_table(advice.plan)),
        stages=_set(stage_table(advice)),
        drawn=drawn,
        chosen=CHOSEN,
    )


def _set(table: Table) -> Table:
    """A table with real minus signs."""
    rows = [[typeset(cell) for cell in row] for row in table.rows]
    return replace(table, caption=f"{table.caption[:1].upper()}{table.caption[1:]}", rows=rows)
