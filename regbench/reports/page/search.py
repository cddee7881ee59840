"""A search as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from regbench import __version__
from regbench.analysis.report import Comparison, Report
from regbench.analysis.search_findings import Importance
from regbench.analysis.searching import Arm, Outcome, SearchReport
from regbench.folders.outputs import write_output
from regbench.reports.drawings.palette import looks
from regbench.reports.drawings.search import SearchChart, charts
from regbench.reports.page.charts import charts_of, embedded
from regbench.reports.page.document import SNAPSHOTS, document
from regbench.reports.page.paging import Paged, parts
from regbench.reports.page.tables import overview
from regbench.reports.page.trials import trial_table
from regbench.reports.search_tables import (
    arm_table,
    contrast_table,
    expected_table,
    finalist_table,
    parameter_table,
    stage_table,
)
from regbench.reports.search_wording import CURSE, commands, confirmed, headline, outcome, setup
from regbench.reports.wording import typeset
from regbench.terminal.columns import Table

TERMS = (
    "An arm is a set of regularizers that may be in, with what is tuned of them; the first is the baseline, "
    "which is tuned likewise. Of the rows, train is what is learned from; select scores the trials, so it "
    "chooses; val judges and chooses nothing; test stays sealed."
)
SIGNS = {Outcome.OPEN: "…", Outcome.SURVIVES: "▲", Outcome.NOTHING: "○"}


def write_page(report: SearchReport, importance: Mapping[str, Importance], path: Path) -> None:
    """Write the page, whole or not at all; the same findings give the same bytes.

    Args:
        report: what was found.
        importance: of the parameters of each arm, by its name.
        path: of the file, replaced if it is there; about 5 MB, for plotly's library is in it.

    Raises:
        OSError: the file cannot be written.
    """
    write_output(path, page(report, importance).encode(errors="backslashreplace"))


def page(report: SearchReport, importance: Mapping[str, Importance]) -> str:
    """The page as text. All that came from a configuration is escaped."""
    every = charts(report, importance)
    found = report.confirmation
    return document(
        "search.html",
        bool(every) or bool(found and found.comparison),
        report=report,
        terms=TERMS,
        sign=SIGNS[report.outcome],
        headline=headline(report),
        outcome=[typeset(line) for line in outcome(report)],
        confirmed=[typeset(line) for line in confirmed(report)],
        setup=[typeset(line) for line in setup(report)],
        commands=commands(report),
        curse=CURSE,
        stages=_set(stage_table(report)),
        arms=_set(arm_table(report)),
        expected=_set(expected_table(report)),
        finalists=_set(finalist_table(report)),
        whole=_by_name(one for one in every if not one.arm),
        sections=[
            _section(
                place, arm, report, importance.get(arm.name), [one for one in every if one.arm == arm.name]
            )
            for place, arm in enumerate(report.arms, 1)
        ],
        fresh=_fresh(found.comparison, report) if found and found.comparison else None,
        regbench=__version__,
    )


def _by_name(several: Iterable[SearchChart]) -> Mapping[str, dict[str, Any] | None]:
    """Charts as the template has them; None for any that is not there."""
    return defaultdict(lambda: None, {one.name: _embedded(one) for one in several})


def _embedded(one: SearchChart) -> dict[str, Any]:
    return {"heading": one.heading, "caption": one.drawing.caption, "figure": embedded(one.drawing, one.half)}


def _section(
    place: int,
    arm: Arm,
    report: SearchReport,
    importance: Importance | None,
    drawn: Sequence[SearchChart],
) -> dict[str, Any]:
    """All that the template shows of one arm."""
    return {
        "id": f"arm-{place}",
        "name": arm.name,
        "parameters": _set(parameter_table(arm), arm),
        "importance": importance,
        "contrasts": _set(contrast_table(arm, report), arm),
        "charts": _by_name(drawn),
        "trials": Paged(trial_table(arm, report), "stack") if arm.trials else None,
    }


def _fresh(comparison: Comparison, report: SearchReport) -> dict[str, Any]:
    """The whole comparison on fresh seeds, as `compare` shows it."""
    (of_arms,) = looks(Report(report.regbench, [comparison], [], [], []))
    return {
        "tables": [Paged(table) for table in overview(comparison, of_arms)],
        "charts": [one for row in charts_of(comparison, of_arms) for one in row if one.name in IN_FULL],
        "parts": [part.name for part in parts(comparison)],
        "snapshot": SNAPSHOTS.get(comparison.at, comparison.at),
        "notes": comparison.notes,
    }


IN_FULL = (
    "curves",
    "cost",
    "reliability",
    "per-class",
)  # charts of the comparison that add to those of a search


def _set(table: Table | None, arm: Arm | None = None) -> Table | None:
    """A table with real minus signs; in the section of an arm without its name."""
    if table is None:
        return None
    caption = table.caption.removeprefix(f"{arm.name}: ") if arm else table.caption
    rows = [[typeset(cell) for cell in row] for row in table.rows]
    return replace(table, caption=f"{caption[:1].upper()}{caption[1:]}", rows=rows)
