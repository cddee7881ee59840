"""The chart of the courses over the epochs: accuracy, loss, and both gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from regbench.analysis.report import Arm, Comparison, Curve
from regbench.analysis.words import factor
from regbench.records.metrics import is_percent
from regbench.reports.page.style import (
    TEMPLATE,
    Changes,
    Colours,
    faded,
    legend_height,
    literal,
    resizable,
    scaled,
    whole_step,
)
from regbench.reports.wording import title, unit

ROW = 310  # pixels of a row of panels
LOW = 250  # of one panel where they stand one below the other
BELOW = 0.24  # of that for the space below it
Ranges = dict[str, list[float]]  # of the axes, as a relayout takes them


class Panel(NamedTuple):
    """One of the pictures: what stands over it, and the figures in it with the dash of each."""

    heading: str
    lines: tuple[tuple[str, str], ...]


PANELS = (
    Panel("Accuracy, % (solid: val, dashed: train)", (("val/accuracy", "solid"), ("train/accuracy", "dash"))),
    Panel("Gap: train \N{MINUS SIGN} val accuracy, points", (("gap/accuracy", "solid"),)),
    Panel("Loss, nats (solid: val, dashed: train)", (("val/loss", "solid"), ("train/loss", "dash"))),
    Panel("Gap in loss: val \N{MINUS SIGN} train, nats", (("gap/loss", "solid"),)),
)


def curves(comparison: Comparison, colours: Colours, whole: Comparison | None = None) -> go.Figure | None:
    """Means and seed bands; one legend entry for each arm, which holds for all panels.

    The figure's meta has `views`: ranges of all axes, for the whole course and for its second half.

    Args:
        comparison: with the arms that are drawn.
        colours: of each.
        whole: with all arms, by which the axes are; None: all are drawn.
    """
    arms, everyone = comparison.arms, (whole or comparison).arms
    panels = [p for p in PANELS if any(name in arm.curves for arm in everyone for name, _ in p.lines)]
    if not panels:
        return None
    rows = (len(panels) + 1) // 2
    columns = min(2, len(panels))
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=[panel.heading for panel in panels],
        horizontal_spacing=0.08,
        vertical_spacing=0.12 if rows > 1 else None,
    )
    listed: set[str] = set()
    for place, panel in enumerate(panels):
        for trace in _traces(panel, arms, colours, listed):
            figure.add_trace(trace, row=place // columns + 1, col=place % columns + 1)
    views = list(_views(panels, everyone))
    names = [arm.name for arm in arms]
    axes = [f"xaxis{place}" if place > 1 else "xaxis" for place in range(1, len(panels) + 1)]
    figure.update_layout(
        template=TEMPLATE,
        height=ROW * rows + legend_height(names),
        meta={"views": [{"name": name, "ranges": ranges} for name, ranges in views], "whole": axes},
        legend={"y": 1 + 24 / (ROW * rows)},
    )
    for axis, span in views[0][1].items():
        figure.layout[axis.partition(".")[0]].range = span
    first, last = figure.layout.xaxis.range
    figure.update_xaxes(tickmode="linear", tick0=0, dtick=whole_step(last - first))
    for column in range(1, columns + 1):
        figure.update_xaxes(title_text="epoch", row=rows, col=column)
    figure.update_annotations(font={"size": 13}, yshift=2)
    resizable(figure, ROW * rows, LOW * len(panels), _wide(figure, axes), _narrow(figure, axes))
    return figure


def _wide(figure: go.Figure, axes: Sequence[str]) -> Changes:
    """Where the panels are, in the form of changes."""
    places: Changes = {"legend.y": figure.layout.legend.y}
    for number, axis in enumerate(axes):
        other = axis.replace("x", "y", 1)
        places |= {f"{one}.domain": list(figure.layout[one].domain) for one in (axis, other)}
        places[f"{axis}.title.text"] = figure.layout[axis].title.text or ""
        heading = figure.layout.annotations[number]
        places |= {f"annotations[{number}].x": heading.x, f"annotations[{number}].y": heading.y}
    return places


def _narrow(figure: go.Figure, axes: Sequence[str]) -> Changes:
    """The panels one below the other."""
    places: Changes = {"legend.y": 1 + 24 / (LOW * len(axes))}
    pitch = 1 / (len(axes) - BELOW)
    for number, axis in enumerate(axes):
        top = 1 - number * pitch
        places |= {f"{axis}.domain": [0, 1], f"annotations[{number}].x": 0.5, f"annotations[{number}].y": top}
        places[f"{axis.replace('x', 'y', 1)}.domain"] = [max(0.0, top - pitch * (1 - BELOW)), top]
        places[f"{axis}.title.text"] = "epoch" if number == len(axes) - 1 else ""
    return places


def _traces(panel: Panel, arms: Sequence[Arm], colours: Colours, listed: set[str]) -> list[go.Scatter]:
    """Bands below, lines above, the first arm's on top; the legend lists an arm's first line of all."""
    bands, lines = [], []
    for rank, arm in reversed(list(enumerate(arms, 1))):
        for name, dash in panel.lines:
            curve = arm.curves.get(name)
            if curve is None:
                continue
            if len(arm.seeds) > 1:
                bands.append(_band(curve, arm.name, name, colours[arm.name]))
            line = _line(curve, arm, name, colours[arm.name])
            line.update(line_dash=dash, showlegend=arm.name not in listed, legendrank=rank)
            listed.add(arm.name)
            lines.append(line)
    return [*bands, *lines]


def _line(curve: Curve, arm: Arm, figure: str, colour: str) -> go.Scatter:
    digits = 2 if is_percent(figure) else 4
    measure = unit(figure, figure.startswith("gap/"))
    told = f"epoch %{{x}}: {title(figure)} %{{y:.{digits}f}} {measure}"
    edges = None
    if len(arm.seeds) > 1:
        edges = list(zip(scaled(figure, curve.low), scaled(figure, curve.high), strict=True))
        told += f" [%{{customdata[0]:.{digits}f}}, %{{customdata[1]:.{digits}f}}]"
    return go.Scatter(
        x=curve.epochs,
        y=scaled(figure, curve.mean),
        name=literal(arm.name),
        legendgroup=arm.name,
        mode="lines" if len(curve.epochs) > 2 else "lines+markers",
        line={"color": colour, "width": 2},
        customdata=edges,
        hovertemplate=f"%{{fullData.name}}<br>{told}<extra></extra>",
    )


def _band(curve: Curve, arm: str, figure: str, colour: str) -> go.Scatter:
    """The band between both edges; it ends where an accuracy can lie no longer."""
    low, high = scaled(figure, curve.low), scaled(figure, curve.high)
    if is_percent(figure) and not figure.startswith("gap/"):
        low, high = ([min(max(value, 0.0), 100.0) for value in edge] for edge in (low, high))
    return go.Scatter(
        x=[*curve.epochs, *reversed(curve.epochs)],
        y=[*high, *reversed(low)],
        name=literal(arm),
        legendgroup=arm,
        showlegend=False,
        mode="none",
        fill="toself",
        fillcolor=faded(colour, 0.16),
        hoverinfo="skip",
    )


def _views(panels: Sequence[Panel], arms: Sequence[Arm]) -> Iterator[tuple[str, Ranges]]:
    """The whole course, and its second half where that has some epochs."""
    drawn = [
        [(name, arm.curves[name]) for name, _ in panel.lines for arm in arms if name in arm.curves]
        for panel in panels
    ]
    everyone = [curve for panel in drawn for _, curve in panel]
    first, last = min(c.epochs[0] for c in everyone), max(c.epochs[-1] for c in everyone)
    middle = (first + last) // 2
    yield "all epochs", _ranges(drawn, first, last)
    if last - middle >= 3:
        yield "second half", _ranges(drawn, middle, last)


def _ranges(drawn: Sequence[Sequence[tuple[str, Curve]]], start: int, last: int) -> Ranges:
    ranges: Ranges = {}
    room = 0.02 * (last - start) or 0.5
    for place, panel in enumerate(drawn, 1):
        suffix = "" if place == 1 else str(place)
        ranges[f"xaxis{suffix}.range"] = [start - room, last + room]
        ranges[f"yaxis{suffix}.range"] = _height(panel, start)
    return ranges


def _height(panel: Sequence[tuple[str, Curve]], start: int) -> list[float]:
    """All means from an epoch on; of the bands, which two seeds make huge, what there is room for."""
    points = [
        tuple(factor(figure) * value for value in (low, mean, high))
        for figure, curve in panel
        for epoch, low, mean, high in zip(curve.epochs, curve.low, curve.mean, curve.high, strict=True)
        if epoch >= start
    ] or [(0.0, 0.0, 0.0)]
    least, most = min(mean for _, mean, _ in points), max(mean for _, mean, _ in points)
    room = 0.3 * (most - least) or max(abs(most), 1.0) * 0.01
    low = max(least - room, min(low for low, _, _ in points))
    high = min(most + room, max(high for _, _, high in points))
    return [round(low - room / 6, 6), round(high + room / 6, 6)]
