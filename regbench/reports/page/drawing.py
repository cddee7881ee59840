"""A description as a plotly figure: where its panels, axes, names and legend stand, wide and narrow."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from regbench.reports.drawings.marks import Axis, Cells, Drawing, Panel, Row, Span, fitting_ticks
from regbench.reports.page.cells import matrices
from regbench.reports.page.marks import STRIP, draw
from regbench.reports.page.style import (
    GREY,
    LEGEND,
    TEMPLATE,
    Changes,
    above_row,
    bare,
    in_pixels,
    legend_height,
    literal,
    literal_name,
    named,
    resizable,
    whole_step,
)
from regbench.reports.wording import shortened
from regbench.terminal.columns import folded

HALF = 420  # pixels of a legend in a chart of half the page's width
NAMED, FOLDED = 92, 12  # pixels and signs of the width of a name at an axis that shows all of them
SINGLE = 380  # pixels of the height of a chart of one panel, its legend aside
UPPER = 360  # of the upper one of panels that share an axis
ACROSS, PANEL = 2, 310  # panels in a row, and pixels of the height of a row
SPACE = 0.24  # of that height, between two rows
LOW, BELOW = 250, 0.24  # of a panel where they stand one below the other; of that for the space below it
ROW, HIGH_ROW = 34, 66  # pixels of a row with its name and figures beside it, and over it
LEFT = 56  # pixels at the left, where names do not need more
HEADING = 44  # signs of a line below a narrow chart
DASHES = {"solid": "solid", "dash": "dashed", "dot": "dotted"}
SIGNS, NARROW = 120.0, 36.0  # that an axis is long, on a page and on a telephone


def figure_of(drawing: Drawing, half: bool = False) -> go.Figure:
    """A figure that fits wherever the page's script puts it.

    Its meta says what the script has to know: heights, a narrow form, the least width, views by buttons.

    Args:
        drawing: with a panel at least.
        half: whether it takes half of the page's width.
    """
    panels = drawing.panels
    if any(isinstance(mark, Cells) for mark in panels[0].marks):
        return matrices(drawing)
    if drawing.stacked:
        return _stack(drawing)
    if len(panels) > 1:
        return _grid(drawing)
    return _rows(drawing, panels[0]) if panels[0].rows else _single(drawing, panels[0], half)


def _axis(axis: Axis, signs: float = SIGNS) -> Changes:
    made: Changes = {"title_text": literal(axis.title)}
    if axis.bare:
        made |= {"visible": False}
    if axis.low is not None and axis.high is not None:
        made["range"] = [axis.low, axis.high]
        if axis.whole:
            made |= {"tickmode": "linear", "tick0": 0, "dtick": whole_step(axis.high - axis.low)}
    if axis.ticks:
        ticks = _ticks(axis, signs)
        if axis.every:
            ticks = [(at, folded(name, FOLDED)) for at, name in ticks]
            made["tickangle"] = 0
        made |= {**named(ticks), "zeroline": False, "showline": True, "linecolor": GREY}
    return made


def _ticks(axis: Axis, signs: float) -> Sequence[tuple[float, str]]:
    return axis.ticks if axis.low is None or axis.every else fitting_ticks(axis, signs)


def _single(drawing: Drawing, panel: Panel, half: bool) -> go.Figure:
    figure = make_subplots(1, 1)
    draw(figure, drawing)
    height = SINGLE + legend_height(drawing.keys, HALF if half else LEGEND)
    figure.update_layout(template=TEMPLATE, height=height, xaxis=_axis(panel.x), yaxis=_axis(panel.y))
    if panel.x.every:
        figure.layout.meta = {"least": NAMED * len(panel.x.ticks)}
    resizable(figure, SINGLE)
    return figure


def _rows(drawing: Drawing, panel: Panel) -> go.Figure:
    """Names and figures at the sides of the rows, or over them where the chart is narrow."""
    figure, rows = make_subplots(1, 1), panel.rows
    draw(figure, drawing)
    beside = [_beside(row) for row in rows]
    above = [above_row(row.at, f"<b>{literal_name(row.name)}</b>", literal(row.told)) for row in rows]
    right = max(in_pixels(row.told) for row in rows)
    body = 90 + ROW * len(rows)
    heading = panel.x.title
    figure.update_layout(
        template=TEMPLATE,
        height=body + legend_height(drawing.keys),
        margin_r=right,
        annotations=beside,
        legend_y=1,
        xaxis=_axis(panel.x),
        yaxis={**bare([(row.at, shortened(row.name)) for row in rows]), "range": [0.4, len(rows) + 0.6]},
    )
    wide = {"annotations": beside, "margin.l": LEFT, "margin.r": right, "xaxis.title.text": literal(heading)}
    narrow = {"annotations": above, "margin.l": 12, "margin.r": 12}
    narrow |= {"xaxis.title.text": literal(folded(heading, HEADING))}
    resizable(
        figure,
        body,
        130 + HIGH_ROW * len(rows),
        wide | {"yaxis.showticklabels": True, "yaxis.range": [0.4, len(rows) + 0.6]},
        narrow | {"yaxis.showticklabels": False, "yaxis.range": [0.6, len(rows) + 0.9]},
    )
    return figure


def _beside(row: Row) -> Changes:
    place = {"xref": "paper", "x": 1.01, "xanchor": "left", "y": row.at}
    return {"text": literal(row.told), "showarrow": False, **place}


def _grid(drawing: Drawing) -> go.Figure:
    """Panels in rows, or below each other where there is no room for two; their views by buttons."""
    panels, rows = drawing.panels, -(-len(drawing.panels) // ACROSS)
    figure = make_subplots(
        rows=rows,
        cols=ACROSS,
        subplot_titles=[literal(_title(panel)) for panel in panels],
        horizontal_spacing=0.08,
        vertical_spacing=SPACE / rows if rows > 1 else None,
    )
    draw(figure, drawing, ACROSS)
    axes = _axes(panels)
    views = [
        {"name": view.name, "ranges": {
            f"{one}.range": list(span)
            for axis, spans in zip(axes, view.ranges, strict=True)
            for one, span in zip((axis, _other(axis)), spans, strict=True)
        }}
        for view in drawing.views
    ]  # fmt: skip
    figure.update_layout(
        template=TEMPLATE,
        height=PANEL * rows + legend_height(drawing.keys),
        meta={"views": views, "whole": [a for a, panel in zip(axes, panels, strict=True) if panel.x.whole]},
        legend={"y": 1 + 24 / (PANEL * rows)},
    )
    for place, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
        below = _axis(panel.x) | ({} if place >= len(panels) - ACROSS else {"title_text": ""})
        figure.layout[axis].update(below)
        figure.layout[_other(axis)].update(_axis(panel.y) | {"title_text": ""})
    figure.update_annotations(font={"size": 13}, yshift=2)
    resizable(figure, PANEL * rows, LOW * len(panels), _side_by_side(figure, axes), _below_each_other(panels))
    return figure


def _title(panel: Panel) -> str:
    """What stands over a panel of several: what it or its y axis is, and which line is which."""
    lines = ", ".join(f"{DASHES[dash]}: {name}" for dash, name in panel.dashes.items())
    words = panel.title or panel.y.title[:1].upper() + panel.y.title[1:]
    return f"{words}; {lines}" if lines else words


def _axes(panels: Sequence[Panel]) -> list[str]:
    return ["xaxis", *(f"xaxis{place}" for place in range(2, len(panels) + 1))]


def _other(axis: str) -> str:
    return axis.replace("x", "y", 1)


def _side_by_side(figure: go.Figure, axes: Sequence[str]) -> Changes:
    """Where the panels are, in the form of changes."""
    places: Changes = {"legend.y": figure.layout.legend.y}
    for number, axis in enumerate(axes):
        places |= {f"{one}.domain": list(figure.layout[one].domain) for one in (axis, _other(axis))}
        places[f"{axis}.title.text"] = figure.layout[axis].title.text or ""
        heading = figure.layout.annotations[number]
        places |= {f"annotations[{number}].x": heading.x, f"annotations[{number}].y": heading.y}
    return places


def _below_each_other(panels: Sequence[Panel]) -> Changes:
    places: Changes = {"legend.y": 1 + 24 / (LOW * len(panels))}
    pitch = 1 / (len(panels) - BELOW)
    for number, (axis, panel) in enumerate(zip(_axes(panels), panels, strict=True)):
        top = 1 - number * pitch
        places |= {f"{axis}.domain": [0, 1], f"annotations[{number}].x": 0.5, f"annotations[{number}].y": top}
        places[f"{_other(axis)}.domain"] = [max(0.0, top - pitch * (1 - BELOW)), top]
        places[f"{axis}.title.text"] = literal(panel.x.title) if number == len(panels) - 1 else ""
    return places


def _stack(drawing: Drawing) -> go.Figure:
    """Panels below each other that share the x axis, whose ticks are as many as there is room for."""
    panels = drawing.panels
    heights = [round(UPPER * panel.height) for panel in panels]
    figure = make_subplots(
        rows=len(panels), cols=1, shared_xaxes=True, row_heights=heights, vertical_spacing=0.06
    )
    draw(figure, drawing)
    named_spans = sum(isinstance(mark, Span) and bool(mark.above) for mark in panels[0].marks)
    strip = STRIP * min(2, named_spans) + 6
    body = sum(heights) + 80 + strip
    figure.update_layout(
        template=TEMPLATE, height=body + legend_height(drawing.keys), legend_y=1 + strip / sum(heights)
    )
    for axis, panel in zip(_axes(panels), panels, strict=True):
        figure.layout[axis].update(_axis(panel.x))
        figure.layout[_other(axis)].update(_axis(panel.y))
    resizable(figure, body, body, _ticked(panels, SIGNS), _ticked(panels, NARROW))
    return figure


def _ticked(panels: Sequence[Panel], signs: float) -> Changes:
    """The names of places for which an axis of this length has room."""
    places: Changes = {}
    for axis, panel in zip(_axes(panels), panels, strict=True):
        found = named(_ticks(panel.x, signs))
        places |= {f"{axis}.{key}": found[key] for key in ("tickvals", "ticktext")}
    return places
