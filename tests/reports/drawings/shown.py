"""A chart as the page has it and as paper has it, and both in words and looks to hold side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context

from regbench.analysis.report import Comparison, Report
from regbench.reports.drawings.charts import CHARTS, Chart
from regbench.reports.drawings.marks import Drawing
from regbench.reports.drawings.palette import Look, looks
from regbench.reports.page.drawing import figure_of
from regbench.reports.paper.drawing import figures_of
from regbench.reports.paper.style import MARKERS, STYLE


def chart(name: str) -> Chart:
    (found,) = [one for one in CHARTS if one.name == name]
    return found


def drawing(name: str, of: Comparison, whole: Comparison | None = None) -> Drawing | None:
    """The description of a chart; of a part of a comparison's arms where the whole is given too."""
    (found,) = looks(Report("0", [whole or of], [], [], []))
    return chart(name).describe(of, found, whole or of)


def on_page(name: str, of: Comparison, whole: Comparison | None = None) -> Any:
    """A chart as plotly's figure; None where there is nothing to show."""
    made = drawing(name, of, whole)
    return None if made is None else figure_of(made, chart(name).half)


def on_paper(name: str, of: Comparison) -> dict[str, Any]:
    """A chart as matplotlib's figures, by what each shows."""
    made = drawing(name, of)
    with rc_context(STYLE):
        return {} if made is None else {called or name: figure for called, figure in figures_of(made)}


@dataclass(frozen=True)
class Shown:
    """The texts at the axes, and by the names of the legend how each is drawn."""

    words: list[str]
    looks: dict[str, Look]


def page_shows(name: str, of: Comparison) -> Shown:
    figure = on_page(name, of)
    axes = [axis for axis in figure.layout if axis.startswith(("xaxis", "yaxis"))]
    words = [figure.layout[axis].title.text or "" for axis in axes]
    traces = {trace.name: trace for trace in figure.data if trace.marker.color}
    return Shown(words, {name: _of_trace(trace) for name, trace in traces.items()})


def _of_trace(trace: Any) -> Look:
    symbol = trace.marker.symbol
    return Look(trace.marker.color, symbol.removesuffix("-open"), symbol.endswith("-open"))


def paper_shows(name: str, of: Comparison) -> Shown:
    (figure,) = on_paper(name, of).values()
    words = [text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())]
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    handles = [one for one in legend.legend_handles if hasattr(one, "get_marker")]
    return Shown(words, dict(zip(names, map(_of_handle, handles), strict=False)))


def _of_handle(handle: Any) -> Look:
    symbols = {sign: symbol for symbol, sign in MARKERS.items()}
    symbol = symbols.get(handle.get_marker(), "circle")
    return Look(handle.get_color(), symbol, handle.get_markerfacecolor() == "white")
