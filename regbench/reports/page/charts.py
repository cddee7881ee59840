"""The charts of a comparison as they stand in its section of the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from regbench.analysis.report import Comparison
from regbench.reports.drawings.charts import CHARTS, Chart
from regbench.reports.drawings.marks import Drawing
from regbench.reports.drawings.palette import Looks
from regbench.reports.page.drawing import figure_of
from regbench.reports.page.paging import Part, parts, scripted


@dataclass(frozen=True)
class Shown:
    """A chart of a section; once for each part of the arms, where it is None if that has nothing of it."""

    name: str
    heading: str
    caption: str
    half: bool
    figures: list[dict[str, Any] | None]


def charts_of(comparison: Comparison, of_arms: Looks) -> list[list[Shown]]:
    """Every chart of which there is something, or something to be said instead; those beside each other."""
    rows: list[list[Shown]] = []
    heading = ""
    for chart in CHARTS:
        shown = _shown(chart, comparison, of_arms)
        if shown is None:
            continue
        before, heading = heading, shown.heading
        shown = replace(shown, heading="" if heading == before else heading)
        if shown.half and rows and rows[-1][0].half:
            rows[-1].append(shown)
        else:
            rows.append([shown])
    return rows


def _shown(chart: Chart, comparison: Comparison, of_arms: Looks) -> Shown | None:
    if chart.task not in (None, comparison.terms.task):
        return None
    several = parts(comparison) if chart.by_arms else [Part("", comparison)]
    drawn = [chart.describe(part.comparison, of_arms, comparison) for part in several]
    caption = next((one.caption for one in drawn if one), chart.missing)
    figures = [embedded(one, chart.half) for one in drawn]
    noun = comparison.terms.decider.noun
    heading = chart.heading.format(noun[:1].upper() + noun[1:])
    return Shown(chart.name, heading, caption, chart.half, figures) if caption else None


def embedded(drawing: Drawing | None, half: bool = False) -> dict[str, Any] | None:
    """A figure's height, the least width that it needs, and its JSON as it may stand in a script element."""
    if drawing is None:
        return None
    figure = figure_of(drawing, half)
    least = (figure.layout.meta or {}).get("least", 0)
    return {"height": figure.layout.height, "least": least, "json": scripted(figure.to_plotly_json())}
