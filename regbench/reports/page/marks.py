"""Marks of a description as plotly's traces and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from regbench.reports.drawings.marks import Drawing, Note, Panel, Reading, Rule, Series, Span
from regbench.reports.page.style import faded, literal, literal_name, symbol_of

SIGN, JOINED, LINE = 11, 8, 2  # pixels of a sign that stands alone, of one on a line, and of a line
LEAST, MOST = 4, 14  # of a sign that stands for no rows, and what all rows add to it
BAND, TINT = 0.16, 0.13  # how much a band and a span cover
STRIP = 18  # pixels of a line of names above a panel


def draw(figure: go.Figure, drawing: Drawing, columns: int = 1) -> None:
    """Put the marks of every panel into a figure of as many subplots, from left to right.

    Bands lie below lines. The legend lists the first trace of each key, and a click hides all of them.
    """
    unlisted = {key: rank for rank, key in enumerate(drawing.keys, 1)}
    for place, panel in enumerate(drawing.panels):
        series = [mark for mark in panel.marks if isinstance(mark, Series)]
        at = {"row": place // columns + 1, "col": place % columns + 1}
        for one in series:
            if one.low and one.ends == "band":
                figure.add_trace(_band(one, panel.y.bounds), **at)
        for one in series:
            rank = unlisted.pop(one.key, None)
            figure.add_trace(_line(one).update(showlegend=rank is not None, legendrank=rank), **at)
        _add_shapes(figure, panel, place, unlisted)


def _line(series: Series) -> go.Scatter:
    look, weight = series.look, series.weight
    modes = ["lines"] * bool(series.joined) + ["markers"] * series.signs
    edge = "white" if weight > 1 else look.colour  # the one that stands out has an edge
    made = go.Scatter(
        x=list(series.x),
        y=list(series.y),
        mode="+".join(modes),
        name=literal_name(series.key),
        legendgroup=series.key,
        **_said(series),
    )
    if series.joined:
        shape = "hv" if series.joined == "step" else None
        made.line = {"color": look.colour, "width": LINE * weight, "dash": series.dash, "shape": shape}
    if series.signs:
        size: Any = round((JOINED if series.joined else SIGN) * weight, 2)
        if series.shares:
            size = [round(LEAST + MOST * share**0.5, 2) for share in series.shares]
        made.marker = {"color": look.colour, "symbol": _symbols(series), "size": size}
        if look.hollow or series.hollow or weight > 1:
            made.marker.line = {"width": LINE, "color": edge}
    if series.low and series.ends != "band":
        made[f"error_{series.ends}"] = _bars(series)
    return made


def _symbols(series: Series) -> str | list[str]:
    if not any(series.hollow):
        return symbol_of(series.look)
    return [f"{series.look.symbol}-open" if hollow else series.look.symbol for hollow in series.hollow]


def _bars(series: Series) -> dict[str, Any]:
    means = series.x if series.ends == "x" else series.y
    return {
        "array": [_apart(mean, high) for mean, high in zip(means, series.high, strict=True)],
        "arrayminus": [_apart(low, mean) for mean, low in zip(means, series.low, strict=True)],
        "thickness": LINE * series.weight,
        "width": 5 if series.weight >= 1 else 0,
        "color": series.look.colour,
    }


def _apart(low: float | None, high: float | None) -> float | None:
    return None if low is None or high is None else round(high - low, 6)


def _said(series: Series) -> dict[str, Any]:
    """What stands under the pointer."""
    told = series.told
    if not told:
        return {"hoverinfo": "skip"}
    if not isinstance(told, Reading):
        return {"hovertext": [literal(one) for one in told], "hoverinfo": "text"}
    digits = f":.{told.decimals}f}}"
    words = f"{told.of} %{{x}}: {told.what} %{{y{digits} {told.unit}".rstrip()
    ends = None
    if series.low:
        ends = list(zip(series.low, series.high, strict=True))
        words += f" [%{{customdata[0]{digits}, %{{customdata[1]{digits}]"
    return {"customdata": ends, "hovertemplate": f"%{{fullData.name}}<br>{words}<extra></extra>"}


def _band(series: Series, bounds: tuple[float, float] | None) -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    for part in series.stretches(bounds):
        places, low, high = map(list, zip(*part, strict=True))
        x += [*places, *reversed(places), None]
        y += [*high, *reversed(low), None]
    return go.Scatter(
        x=x[:-1],
        y=y[:-1],
        mode="none",
        fill="toself",
        fillcolor=faded(series.look.colour, BAND),
        name=literal_name(series.key),
        legendgroup=series.key,
        showlegend=False,
        hoverinfo="skip",
    )


def _add_shapes(figure: go.Figure, panel: Panel, place: int, ranks: dict[str, int]) -> None:
    number = "" if place == 0 else str(place + 1)
    x, y = f"x{number}", f"y{number}"
    spans = [mark for mark in panel.marks if isinstance(mark, Span)]
    for span in spans:
        shape = {"type": "rect", "x0": span.low, "x1": span.high, "y0": 0, "y1": 1, "layer": "below"}
        shape |= {"xref": x, "yref": f"{y} domain", "line_width": 0}
        shape |= {"fillcolor": span.colour if span.key else faded(span.colour, TINT)}
        if span.key:
            shape |= {"name": literal(span.key), "showlegend": True, "legendrank": ranks[span.key] + 1}
        figure.add_shape(shape)
    for rule in (mark for mark in panel.marks if isinstance(mark, Rule)):
        across = {"x0": rule.at, "x1": rule.at, "y0": 0, "y1": 1, "xref": x, "yref": f"{y} domain"}
        if rule.along == "y":
            across = {"y0": rule.at, "y1": rule.at, "x0": 0, "x1": 1, "yref": y, "xref": f"{x} domain"}
        line = {"color": rule.colour, "width": 1.5, "dash": rule.dash}
        figure.add_shape({"type": "line", "layer": "below", "line": line} | across)
    _name_spans(figure, [span for span in spans if span.above], x, y)
    for note in (mark for mark in panel.marks if isinstance(mark, Note)):
        figure.add_annotation(
            text=literal(note.text), x=note.x, xref=x, y=note.y, yref=y, xanchor="left", xshift=2,
            showarrow=False, bgcolor=faded("#ffffff", 0.75), borderpad=1, font={"size": 11},
        )  # fmt: skip
    for broken in panel.x.breaks:
        figure.add_annotation(
            text="//", x=broken, xref=x, y=0, yref=f"{y} domain", yanchor="middle", showarrow=False,
            bgcolor="white", borderpad=0, font={"size": 13},
        )  # fmt: skip


def _name_spans(figure: go.Figure, spans: Sequence[Span], x: str, y: str) -> None:
    """Above the panel; the outer ones on a line of their own, so that all have room."""
    last = len(spans) - 1
    for place, span in enumerate(spans):
        anchor, at = "center", (span.low + span.high) / 2
        if last and place in (0, last):
            anchor, at = ("left", span.low) if place == 0 else ("right", span.high)
        figure.add_annotation(
            text=f"<b>{literal(span.above)}</b>", x=at, xref=x, xanchor=anchor, y=1, yref=f"{y} domain",
            yanchor="bottom", yshift=2 if place in (0, last) else 2 + STRIP, showarrow=False,
            font={"color": span.ink},
        )  # fmt: skip
