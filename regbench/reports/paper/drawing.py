"""A description as figures for a paper: one or two columns wide, with labels that fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from regbench.reports.drawings.marks import Cells, Drawing, Panel, Series
from regbench.reports.drawings.palette import GREY
from regbench.reports.paper.cells import matrices
from regbench.reports.paper.marks import DASHES, UPRIGHT, draw, dress, handle, row_names
from regbench.reports.paper.style import (
    COLUMN,
    PAGE,
    add_legend,
    broken,
    fitting,
    label_below,
    length,
    one_panel,
    panels_across,
    panels_below,
)

HEIGHT, SQUARE, LOW = 2.3, 3.0, 1.4  # inches of a panel: alone, square, in a row of several
UPPER = 1.9  # of the upper one of panels that share an axis
SIGN = 0.055  # inches that each sign of an upright name takes
TITLE = 20  # signs of a line over a panel
WIDTH = 40  # signs of a line below a panel
UPWARDS = 12.0  # signs of an inch beside it


def figures_of(drawing: Drawing) -> Iterator[tuple[str, Figure]]:
    """Each panel that has a name as a figure, by that name; else all of them as one, by none."""
    panels = drawing.panels
    if any(isinstance(mark, Cells) for mark in panels[0].marks):
        yield "", matrices(drawing)
    elif drawing.stacked:
        yield "", _stack(drawing)
    elif drawing.gathered:
        yield "", _gathered(drawing)
    else:
        for panel in panels:
            apart = _apart(drawing, panel)
            yield panel.name, _across(drawing, panel, apart) if apart else _alone(drawing, panel)


def _apart(drawing: Drawing, panel: Panel) -> list[str]:
    """The keys that get a panel each; none where they share one."""
    there = {mark.key for mark in panel.marks if isinstance(mark, Series)}
    keys = [key for key in drawing.keys if key in there and key not in drawing.common]
    return keys if drawing.together and len(keys) > drawing.together else []


def _alone(drawing: Drawing, panel: Panel) -> Figure:
    height = SQUARE if panel.square else HEIGHT
    if panel.rows:
        height = 0.75 + sum(0.13 + 0.11 * (1 + name.count("\n")) for name in row_names(panel))
    many = panel.x.every and len(panel.x.ticks) > UPRIGHT
    if many:
        height += SIGN * max(length(name) for _, name in panel.x.ticks)
    figure, axes = one_panel(PAGE if many else COLUMN, height)
    draw(axes, panel)
    dress(axes, panel)
    _title(axes, panel, drawing.note, height)
    _add_legend(figure, [panel], drawing.keys)
    return figure


def _across(drawing: Drawing, panel: Panel, keys: Sequence[str]) -> Figure:
    """A panel for each key, beside what is common to all."""
    figure, grid = panels_across(len(keys), None if panel.square else LOW)
    for axes, key, label in zip(grid, keys, fitting(keys), strict=True):
        draw(axes, _of(panel, drawing.common, key))
        dress(axes, panel)
        if not panel.square:
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.set_title(broken(label, 17))
    label_below(grid, panel.x.title)
    figure.supylabel(broken(panel.y.title, 24), fontsize=8)
    _add_legend(figure, [panel], drawing.common)
    return figure


def _of(panel: Panel, common: Sequence[str], key: str) -> Panel:
    """A panel with what is common to all, and what has a key above it."""
    below = [mark for mark in panel.marks if getattr(mark, "key", "") in ("", *common)]
    return replace(panel, marks=[*below, *(mark for mark in panel.marks if getattr(mark, "key", "") == key)])


def _gathered(drawing: Drawing) -> Figure:
    """All panels across a page, below what each is called; what the y axes are stands at the left."""
    panels = drawing.panels
    figure, grid = panels_across(len(panels), LOW + 0.2, apart=True)
    for axes, panel, name in zip(grid, panels, fitting([one.title for one in panels]), strict=True):
        draw(axes, panel)
        dress(axes, panel)
        axes.set_title(broken(name, TITLE))
    figure.supylabel(broken(panels[0].y.title, 24), fontsize=8)
    _add_legend(figure, panels, drawing.keys)
    return figure


def _stack(drawing: Drawing) -> Figure:
    panels = drawing.panels
    heights = [UPPER * panel.height for panel in panels]
    figure, grid = panels_below(COLUMN, heights)
    for axes, panel, height in zip(grid, panels, heights, strict=True):
        draw(axes, panel)
        dress(axes, panel)
        _title(axes, panel, "", height)
    figure.align_ylabels(grid)
    _add_legend(figure, panels, drawing.keys)
    return figure


def _title(axes: Axes, panel: Panel, note: str, height: float) -> None:
    below = [broken(text, WIDTH) for text in fitting([text for text in (panel.x.title, note) if text], 80)]
    axes.set_xlabel("\n".join(below))
    axes.set_ylabel(broken(panel.y.title, UPWARDS * height))


def _add_legend(figure: Figure, panels: Sequence[Panel], keys: Sequence[str]) -> None:
    """Below the panels: what each key is, and each dash."""
    marks = [mark for panel in panels for mark in panel.marks]
    there = [key for key in keys if any(getattr(mark, "key", None) == key for mark in marks)]
    handles: list[Any] = [handle(marks, key) for key in there]
    labels = fitting(there)
    for dash, words in panels[0].dashes.items():
        handles.append(Line2D([], [], color=GREY, linestyle=DASHES[dash]))
        labels.append(words)
    if labels:
        add_legend(figure, handles, labels)
