"""Matrices of a description as plotly figures: cells that can be read, names that have room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from regbench.reports.drawings.marks import Cells, Drawing
from regbench.reports.drawings.palette import ALONE, INK
from regbench.reports.page.style import (
    TEMPLATE,
    Changes,
    bare,
    in_pixels,
    literal,
    literal_name,
    resizable,
)
from regbench.reports.wording import shortened
from regbench.terminal.columns import folded

LONGEST = 18  # signs of a name at an axis
SHORT = 3  # signs that fit below a column
FEW = 20  # so many columns have a number in each cell and a name each; of more, so many have one
ACROSS = 2  # matrices in a row, where there is room
BOTH = 900  # pixels of width that two matrices take at least
SIDE = 400  # pixels of a square matrix, from top to bottom
LETTER, LINE = 7, 16  # pixels
CELL = 20  # pixels that two digits take from left to right
UPRIGHT = 16  # pixels that an upright name takes from left to right
ABOVE, BETWEEN = 34, 46  # pixels over the first matrix for its title; for those of the next ones
SCALED = 56  # pixels of a scale of colours
TEXT = 12  # pixels of the letters in a cell of several lines


def matrices(drawing: Drawing) -> go.Figure:
    """Matrices beside each other where there is room for two, below each other where there is not."""
    panels = drawing.panels
    found = [mark for panel in panels for mark in panel.marks if isinstance(mark, Cells)]
    first, many, titles = found[0], len(found) > 1, [panel.title for panel in panels]
    square = panels[0].square
    figure = make_subplots(len(found), 1)
    for place, cells in enumerate(found):
        at, number = {"row": place + 1, "col": 1}, "" if place == 0 else str(place + 1)
        figure.add_trace(_heat(cells), **at)
        figure.update_xaxes(_columns(cells), **at)
        figure.update_yaxes({**_rows(cells, square), "autorange": "reversed"}, **at)
        _shade(figure, cells, number)
    scale = SCALED if first.keyed or len(first.columns) > FEW else 0
    left, room = _left(first, square), _room(first)
    over = ABOVE if titles[0] else 6  # of the scale
    above = max(12, over) + scale
    side = SIDE if square else _height(first)
    across = min(ACROSS, len(found)) if many else 1
    wide, narrow = (_form(titles, n, left, room, side) for n in (across, 1))
    heights = [above + _inner(-(-len(found) // n), room, side) + 12 + room for n in (across, 1)]
    figure.update_layout(
        template=TEMPLATE,
        height=heights[0],
        margin={"l": left, "r": 12, "t": above, "b": 12 + room},
        coloraxis=_colours(first, scale > 0, over),
        meta={"least": left + 12 + _least(first)},
        annotations=wide["annotations"],
    )
    for key, domain in wide.items():
        if key.endswith(".domain"):
            figure.layout[key.removesuffix(".domain")].domain = domain
    if many:
        both = max(BOTH, ACROSS * (left + 36 + _least(first)))
        resizable(figure, heights[0], heights[1], wide, narrow, both)
    return figure


def _height(cells: Cells) -> int:
    """Pixels of all rows: of their names, and of the lines in them."""
    names = max(len(_lines(name)) for name in cells.rows)
    return max(30, 8 + LINE * names, 28 + LINE * _deepest(cells) if _deepest(cells) > 1 else 0) * len(
        cells.rows
    )


def _deepest(cells: Cells) -> int:
    return max(text.count("\n") + 1 for row in cells.texts for text in row)


def _inner(rows: int, room: int, side: int) -> int:
    """Pixels from the top of the first matrix to the bottom of the last."""
    return rows * side + (rows - 1) * (BETWEEN + room)


def _form(titles: Sequence[str], across: int, left: int, room: int, side: int) -> Changes:
    """Where the matrices and their titles are, with so many in a row; as a relayout takes it."""
    inner = _inner(-(-len(titles) // across), room, side)
    gap = (left + 24) / BOTH if across > 1 else 0.0  # the names of the second, and a little more
    width = (1 - gap * (across - 1)) / across
    changes: Changes = {"annotations": []}
    for place, title in enumerate(titles):
        row, column = divmod(place, across)
        start, top = column * (width + gap), 1 - row * (side + BETWEEN + room) / inner
        number = "" if place == 0 else str(place + 1)
        changes[f"xaxis{number}.domain"] = [start, start + width]
        changes[f"yaxis{number}.domain"] = [max(0.0, top - side / inner), top]
        at = {"x": start, "xref": "paper", "xanchor": "left", "xshift": 8 - left}
        at |= {"y": top, "yref": "paper", "yanchor": "bottom", "yshift": 4}
        if title:
            changes["annotations"].append(
                {"text": literal_name(title), "font": {"size": 13}, "showarrow": False, **at}
            )
    return changes


def _heat(cells: Cells) -> go.Heatmap:
    """Colours, with the texts where there is room."""
    few = len(cells.columns) <= FEW
    font = {"color": INK} | ({"size": TEXT} if _deepest(cells) > 1 else {})
    return go.Heatmap(
        x=list(range(len(cells.columns))),
        y=list(range(len(cells.rows))),
        z=[list(row) for row in cells.values],
        text=[[_strong(text) for text in row] for row in cells.texts] if few else None,
        texttemplate="%{text}" if few else None,
        textfont=font,
        coloraxis="coloraxis",
        xgap=1 if few else 0,
        ygap=1 if few else 0,
        hovertext=[[literal(text) for text in row] for row in cells.told],
        hoverinfo="text",
        hoverongaps=False,
    )


def _strong(text: str) -> str:
    """A text whose second line, if it has any, is the number."""
    lines = [literal(line) for line in text.split("\n")]
    return "<br>".join([lines[0], f"<b>{lines[1]}</b>", *lines[2:]]) if len(lines) > 1 else lines[0]


def _shade(figure: go.Figure, cells: Cells, number: str) -> None:
    """Grey cells where there are words and no value."""
    for row, (values, texts) in enumerate(zip(cells.values, cells.texts, strict=True)):
        for column, (value, text) in enumerate(zip(values, texts, strict=True)):
            if value is None and text:
                figure.add_shape(
                    type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
                    xref=f"x{number}", yref=f"y{number}", layer="below", fillcolor=ALONE, line_width=0,
                )  # fmt: skip


def _colours(cells: Cells, shown: bool, over: int) -> Changes:
    """The colours, and their scale so many pixels above."""
    scale = {
        "title": {"text": literal(cells.title), "side": "top", "font": {"size": 12.5}},
        "thickness": 12,
        "outlinewidth": 0,
    }
    place = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "ypad": over}
    return {
        "colorscale": cells.scale,
        "cmin": cells.low,
        "cmax": cells.high,
        "showscale": shown,
        "colorbar": scale | place | {"lenmode": "pixels", "len": 160, "xpad": 0},
    }


def _columns(cells: Cells) -> dict[str, Any]:
    """The names below; longer ones stand upright where cells are as narrow as a number."""
    if _deepest(cells) > 1:
        return {
            **bare([(place, shortened(text)) for place, text in enumerate(cells.columns)]),
            "tickangle": 0,
        }
    upright = _longest(cells.columns) > SHORT
    return {**bare(list(_shown(cells.columns).items())), "tickangle": -90 if upright else 0}


def _rows(cells: Cells, square: bool) -> dict[str, Any]:
    """The names at the left: of a square matrix as those below it, else on as many lines as they take."""
    if square:
        return {**bare(list(_shown(cells.rows).items())), "tickangle": 0}
    return bare([(place, "\n".join(_lines(text))) for place, text in enumerate(cells.rows)])


def _lines(text: str) -> list[str]:
    return folded(shortened(text), LONGEST, True).split("\n")


def _left(cells: Cells, square: bool) -> int:
    """Pixels that names take at the left of a matrix."""
    lines = (
        list(_shown(cells.rows).values())
        if square
        else [line for name in cells.rows for line in _lines(name)]
    )
    return 10 + LETTER * max(map(len, lines))


def _least(cells: Cells) -> int:
    """Pixels from left to right in which the cells and the names below them can be read."""
    if _deepest(cells) > 1:
        lines = [line for row in cells.texts for text in row for line in text.split("\n")]
        return len(cells.columns) * max(map(in_pixels, (*lines, *map(shortened, cells.columns))))
    few = len(cells.columns) <= FEW
    return CELL * len(cells.columns) if few else UPRIGHT * len(_shown(cells.columns))


def _room(cells: Cells) -> int:
    """Pixels that the names take below a matrix."""
    upright = _deepest(cells) == 1 and _longest(cells.columns) > SHORT
    return 30 + (8 * _longest(cells.columns) if upright else 0)


def _shown(names: Sequence[str]) -> dict[float, str]:
    """The names that stand at an axis, by their places: all of few, evenly spaced ones of many."""
    places = range(0, len(names), math.ceil(len(names) / FEW))
    return {place: _short(names[place]) for place in places}


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 6]}\N{HORIZONTAL ELLIPSIS}{name[-5:]}"


def _longest(names: Sequence[str]) -> int:
    return max(map(len, _shown(names).values()))
