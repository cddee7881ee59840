"""Matrices of a description as figures: numbers where they have room, else the scale of the colours."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from regbench.reports.drawings.marks import Cells, Drawing
from regbench.reports.drawings.palette import ALONE, INK
from regbench.reports.paper.style import COLUMN, PAGE, broken, fitting, length, one_panel, panels_across

NARROW = 2  # so many columns fit into one column of a page
FEW = 20  # names at an axis; of more so many are shown
SHORT = 3  # signs that fit below a column
MANY, SMALL = 5, 5  # columns of a square matrix from which on its names are small, and their points
NAME = 16  # signs of a line of a name
BESIDE = 1.1  # inches of the names at the left
BARRED = 0.6  # inches of the scale at the right
LARGEST, LEAST = 6.5, 4.0  # points of letters in a cell
ROW, LINE = 0.16, 0.12  # inches of a row, and of each line in it


def matrices(drawing: Drawing) -> Figure:
    """One matrix as wide as it needs, or several across a page."""
    panels = drawing.panels
    found = [mark for panel in panels for mark in panel.marks if isinstance(mark, Cells)]
    first = found[0]
    if len(found) == 1:
        wide = len(first.columns) > NARROW
        width = PAGE if wide else COLUMN
        figure, axes = one_panel(width, 0.9 + _row(first) * len(first.rows))
        grid, room = [axes], width - BESIDE - BARRED
    else:
        figure, grid = panels_across(len(found))
        room = PAGE / max(one.get_subplotspec().colspan.stop for one in grid) - 0.6  # type: ignore[union-attr]
    cell = room / len(first.columns)
    images = [_draw(axes, cells, cell, panels[0].square) for axes, cells in zip(grid, found, strict=True)]
    for axes, panel in zip(grid, panels, strict=True):
        axes.set_title(broken(fitting([panel.title])[0], 17) if panel.title else "")
    if drawing.note:
        grid[0].set_xlabel(broken(drawing.note, 40))
    if first.keyed or _size(first, cell) < LEAST:
        bar = figure.colorbar(images[0], ax=grid, shrink=0.8, aspect=25)
        bar.set_label(broken(first.title, 30))
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _row(cells: Cells) -> float:
    lines = max(text.count("\n") + 1 for row in cells.texts for text in row)
    names = max(broken(name, NAME).count("\n") + 1 for name in fitting(cells.rows))
    return ROW + LINE * max(lines, names)


def _size(cells: Cells, inches: float) -> float:
    """Points of letters with which the numbers fit into cells of this width; less than `LEAST` if none do."""
    widest = max(map(length, {_number(text) for row in cells.texts for text in row}))
    return min(LARGEST, _signs(inches, 1.0) / max(widest, 1.0))


def _signs(inches: float, size: float) -> float:
    """How many average signs of a size in points fit into a cell of this width."""
    return 0.95 * inches * 72 / (0.6 * size)


def _number(text: str) -> str:
    """Of several lines the number is the second."""
    return text.split("\n")[1] if "\n" in text else text


def _draw(axes: Axes, cells: Cells, inches: float, square: bool) -> AxesImage:
    values = np.array([[math.nan if one is None else one for one in row] for row in cells.values])
    image = axes.imshow(
        np.ma.masked_invalid(values),
        cmap=LinearSegmentedColormap.from_list("cells", list(cells.scale)),
        vmin=cells.low,
        vmax=cells.high,
        aspect="equal" if square else "auto",
    )
    size = _size(cells, inches)
    for (row, column), value in np.ndenumerate(values):
        text = cells.texts[row][column]
        if text and math.isnan(value):
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=ALONE, linewidth=0))
        if text and size >= LEAST:
            shown = _fitting(text, _signs(inches, size))
            axes.text(column, row, shown, ha="center", va="center", color=INK, fontsize=size)
    _label(axes, cells, square)
    return image


def _fitting(text: str, signs: float) -> str:
    """The number, and those of the lines beside it for which a cell has room."""
    return "\n".join(line for line in text.split("\n") if line == _number(text) or length(line) <= signs)


def _label(axes: Axes, cells: Cells, square: bool) -> None:
    """All names of few, evenly spaced ones of many; those of one that is not square may take two lines."""
    for names, put in ((cells.columns, axes.set_xticks), (cells.rows, axes.set_yticks)):
        places = range(0, len(names), math.ceil(len(names) / FEW))
        lines = 1 if square else 2
        put(list(places), [broken(one, NAME) for one in fitting([names[n] for n in places], lines * NAME)])
    if square and len(cells.columns) > MANY:
        axes.tick_params(labelsize=SMALL)
    if max(map(len, cells.columns)) > SHORT:
        axes.tick_params(axis="x", rotation=90)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
