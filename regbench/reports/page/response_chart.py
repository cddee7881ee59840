"""The chart of a response curve as a plotly figure: the metric above, the gap below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from regbench.analysis.response import BEST, OVER, UNDER, Point
from regbench.analysis.words import number, probability
from regbench.reports.drawings.response import Panel, Sketch, stretches, ticks
from regbench.reports.page.style import (
    BASELINE,
    GREY,
    INK,
    TEMPLATE,
    Changes,
    after_comma,
    faded,
    legend_height,
    literal,
    resizable,
    scaled,
    typeset,
)
from regbench.reports.response_text import short
from regbench.reports.wording import effect, title, unit

LINE, MARK = "#0072B2", "#B30000"
TINTS = {UNDER: ("#56B4E9", "#1B6389"), OVER: ("#E69F00", "#7A5200"), BEST: ("#009E73", "#00614A")}
OTHER = ("#999999", "#555555")  # a side of which nobody knows whether it regularizes more
HEIGHTS = (360, 200)  # pixels of the panels
STRIP = 18  # pixels of a line of names above them
SIGNS, NARROW = 120.0, 36.0  # that the axis is long, on a page and on a telephone


def chart(sketch: Sketch) -> go.Figure | None:
    """Means with 95 % bands, each seed, the baseline across, the zones and the best; None without any run."""
    panels = sketch.panels
    if not panels:
        return None
    heights = list(HEIGHTS[: len(panels)])
    figure = make_subplots(
        rows=len(panels), cols=1, shared_xaxes=True, row_heights=heights, vertical_spacing=0.06
    )
    for row, panel in enumerate(panels, 1):
        for trace in _traces(sketch, panel, row == 1):
            figure.add_trace(trace, row=row, col=1)
    _mark_zones(figure, sketch)
    _mark_breaks(figure, sketch)
    entries = {trace.name: None for trace in figure.data if trace.showlegend is not False}
    strip = STRIP * min(2, len(sketch.zones)) + 6
    body = sum(heights) + 80 + strip
    figure.update_layout(
        template=TEMPLATE,
        height=body + legend_height(list(entries)),
        legend_y=1 + strip / sum(heights),
    )
    named = ticks(sketch, SIGNS)
    figure.update_xaxes(
        range=[sketch.axis.low, sketch.axis.high],
        tickmode="array",
        tickvals=[place for place, _ in named],
        ticktext=[typeset(name) for _, name in named],
        zeroline=False,
        showline=True,
        linecolor=GREY,
    )
    figure.update_xaxes(title_text=typeset(literal(sketch.below)), row=len(panels))
    for row, panel in enumerate(panels, 1):
        measure = unit(panel.figure, panel.figure.startswith("gap/"))
        figure.update_yaxes(
            title_text=f"{literal(title(panel.figure))}{after_comma(measure)}",
            range=scaled(panel.figure, panel.extent),
            row=row,
        )
    resizable(figure, body, body, _ticked(sketch, SIGNS, panels), _ticked(sketch, NARROW, panels))
    return figure


def _ticked(sketch: Sketch, signs: float, panels: Sequence[Panel]) -> Changes:
    """The names of values for which an axis of this length has room."""
    named = ticks(sketch, signs)
    axes = ["xaxis", *(f"xaxis{row}" for row in range(2, len(panels) + 1))]
    places: Changes = {f"{axis}.tickvals": [place for place, _ in named] for axis in axes}
    return places | {f"{axis}.ticktext": [typeset(name) for _, name in named] for axis in axes}


def _traces(sketch: Sketch, panel: Panel, listed: bool) -> list[go.Scatter]:
    """From the lowest to the topmost."""
    made = []
    if len(panel.seeds) > 1:
        made.append(_seeds(sketch, panel, listed))
    if panel.baseline is not None:
        made += _baseline(sketch, panel, listed)
    bands = stretches(sketch.places, [panel.edges(one) for one in panel.means])
    if bands:
        made.append(_band(bands, panel, LINE, 0.2, "mean"))
    return [*made, _means(sketch, panel, listed), *_best(sketch, panel, listed)]


def _seeds(sketch: Sketch, panel: Panel, listed: bool) -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    told: list[str] = []
    for seed, runs in panel.seeds.items():
        for value, place, run in zip(sketch.values, sketch.places, runs, strict=True):
            x.append(place)
            y.append(None if run is None else scaled(panel.figure, [run])[0])
            told.append(
                f"seed {seed}, {literal(sketch.word)} {typeset(short(value))}: "
                f"{typeset(number(panel.figure, run))} {unit(panel.figure)}"
            )
        x, y, told = [*x, None], [*y, None], [*told, ""]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": faded(INK, 0.22), "width": 1},
        marker={"size": 3},
        name="each seed",
        legendgroup="seeds",
        legendrank=2,
        showlegend=listed,
        hovertext=told,
        hoverinfo="text",
    )


def _baseline(sketch: Sketch, panel: Panel, listed: bool) -> list[go.Scatter]:
    ends = [sketch.axis.low, sketch.axis.high]
    known = panel.baseline
    mean = scaled(panel.figure, [known.mean if known else 0.0])[0]
    line = go.Scatter(
        x=ends,
        y=[mean, mean],
        mode="lines",
        line={"color": BASELINE, "width": 1.5, "dash": "dash"},
        name=sketch.off,
        legendgroup="baseline",
        legendrank=3,
        showlegend=listed,
        hovertext=f"{sketch.off}: {typeset(number(panel.figure, known.mean if known else None))}",
        hoverinfo="text",
    )
    edges = panel.edges(known)
    band = [_band([[(end, *edges) for end in ends]], panel, BASELINE, 0.12, "baseline")] if edges else []
    return [*band, line]


def _band(
    parts: list[list[tuple[float, float, float]]], panel: Panel, colour: str, opacity: float, group: str
) -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    for part in parts:
        places, low, high = map(list, zip(*part, strict=True))
        x += [*places, *reversed(places), None]
        y += [*scaled(panel.figure, high), *reversed(scaled(panel.figure, low)), None]
    return go.Scatter(
        x=x[:-1],
        y=y[:-1],
        mode="none",
        fill="toself",
        fillcolor=faded(colour, opacity),
        legendgroup=group,
        showlegend=False,
        hoverinfo="skip",
    )


def _means(sketch: Sketch, panel: Panel, listed: bool) -> go.Scatter:
    points = sketch.curve.points
    diverged = ["circle-open" if one.diverged else "circle" for one in points]
    return go.Scatter(
        x=sketch.places,
        y=[None if one is None else scaled(panel.figure, [one.mean])[0] for one in panel.means],
        mode="lines+markers",
        line={"color": LINE, "width": 2.5},
        marker={"size": 8, "symbol": diverged, "line": {"width": 2, "color": LINE}},
        name="mean, 95 % interval" if any(map(panel.edges, panel.means)) else "mean",
        legendgroup="mean",
        legendrank=1,
        showlegend=listed,
        hovertext=[_told(sketch, panel, place, one) for place, one in enumerate(points)],
        hoverinfo="text",
    )


def _told(sketch: Sketch, panel: Panel, place: int, point: Point) -> str:
    """What a mean says when it is pointed at."""
    known = panel.means[place]
    if known is None:
        return ""
    measure = unit(panel.figure, panel.figure.startswith("gap/"))
    words = [
        f"{literal(sketch.word)} {short(point.value)}: {title(panel.figure)} "
        f"{number(panel.figure, known.mean)} {measure}"
    ]
    if known.low is not None and known.high is not None:
        words.append(
            f"95 % interval {number(panel.figure, known.low)} to {number(panel.figure, known.high)}, "
            f"{known.n} seeds"
        )
    if panel.figure == sketch.curve.metric and point.difference and point.verdict:
        p = probability(point.verdict.p_adjusted).replace("<", "&lt;")
        words.append(f"{effect(panel.figure, point.difference)} to the baseline, adjusted p {p}")
        words.append(point.verdict.word)
    return typeset("<br>".join(words))


def _best(sketch: Sketch, panel: Panel, listed: bool) -> list[go.Scatter]:
    best = sketch.curve.best
    if best is None:
        return []
    known = panel.means[sketch.values.index(best.value)]
    if known is None:
        return []
    return [
        go.Scatter(
            x=[sketch.axis.places[best.value]],
            y=scaled(panel.figure, [known.mean]),
            mode="markers",
            marker={"symbol": "diamond", "size": 14, "color": MARK, "line": {"width": 1.5, "color": "white"}},
            name=typeset(sketch.best),
            legendgroup="best",
            legendrank=0,
            showlegend=listed,
            hoverinfo="skip",
        )
    ]


def _mark_zones(figure: go.Figure, sketch: Sketch) -> None:
    """Tint each side, and name it above; the outer ones on a line of their own, so that all have room."""
    last = len(sketch.zones) - 1
    for place, zone in enumerate(sketch.zones):
        tint, ink = TINTS.get(zone.side, OTHER)
        figure.add_shape(
            type="rect", x0=zone.low, x1=zone.high, y0=0, y1=1, xref="x", yref="paper",
            fillcolor=faded(tint, 0.13), line_width=0, layer="below",
        )  # fmt: skip
        anchor, x = _anchor(zone.low, zone.high, place == 0, place == last)
        outer = place in (0, last)
        figure.add_annotation(
            text=f"<b>{zone.side}</b>", x=x, xref="x", xanchor=anchor, y=1, yref="paper", yanchor="bottom",
            yshift=2 if outer else 2 + STRIP, showarrow=False, font={"color": ink},
        )  # fmt: skip
    best = sketch.curve.best
    if best is not None:
        where = sketch.axis.places[best.value]
        figure.add_shape(
            type="line", x0=where, x1=where, y0=0, y1=1, xref="x", yref="paper",
            line={"color": MARK, "width": 1, "dash": "dot"}, layer="between",
        )  # fmt: skip


def _anchor(low: float, high: float, first: bool, last: bool) -> tuple[str, float]:
    if first == last:
        return "center", (low + high) / 2
    return ("left", low) if first else ("right", high)


def _mark_breaks(figure: go.Figure, sketch: Sketch) -> None:
    look: dict[str, Any] = {"showarrow": False, "bgcolor": "white", "borderpad": 0, "font": {"size": 13}}
    for place in sketch.axis.breaks:
        for row in range(len(sketch.panels)):
            axis = "y domain" if row == 0 else f"y{row + 1} domain"
            figure.add_annotation(text="//", x=place, xref="x", y=0, yref=axis, yanchor="middle", **look)
