"""The words in which a chart is described: plain values that the page and paper both draw.

All numbers are as they are shown: an accuracy of 0.9 is 90. All texts are plain: a renderer makes them safe
for its medium, breaks lines at a newline, and leaves out what it has no room for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from regbench.reports.drawings.palette import Look

Numbers = Sequence[float | None]  # None is a hole
Dash = Literal["solid", "dash", "dot"]
Ticks = Sequence[tuple[float, str]]  # places with what stands there


@dataclass(frozen=True)
class Axis:
    """One side of a panel.

    Attributes:
        title: with its unit.
        low: the end at the left or the bottom; None: as the marks need.
        high: the other end.
        ticks: names of places instead of numbers, those first that must be there; empty: numbers.
        whole: whether the numbers are whole.
        bounds: between which values can lie; a band ends there, whatever its arithmetic says.
        breaks: places at which the axis is broken.
        every: whether all names stand there, however many.
        bare: whether it has neither numbers nor a line.
    """

    title: str = ""
    low: float | None = None
    high: float | None = None
    ticks: Ticks = ()
    whole: bool = False
    bounds: tuple[float, float] | None = None
    breaks: Sequence[float] = ()
    every: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Reading:
    """How a page says any of many points: `epoch 3: val accuracy 91.20 %`, with that many decimals."""

    of: str
    what: str
    unit: str
    decimals: int


@dataclass(frozen=True)
class Series:
    """Points, and what joins them.

    Attributes:
        key: the entry of the legend that it belongs to.
        look: colour and sign.
        x: places from left to right.
        y: as many values.
        joined: straight, by steps that rise at the next point, or not at all.
        dash: of the line.
        weight: of the line and the signs, 1 as usual.
        signs: whether each point has its sign.
        hollow: for each point whether its sign is; empty: as the look says.
        shares: for each point the share of rows in [0, 1] that its sign stands for; empty: all alike.
        low: lower ends of intervals; empty: there are none.
        high: upper ends.
        ends: how intervals are drawn, as bars along x or y, or as a band.
        told: for each point what is said of it under the pointer, or how.
    """

    key: str
    look: Look
    x: Numbers
    y: Numbers
    joined: Literal["", "straight", "step"] = ""
    dash: Dash = "solid"
    weight: float = 1.0
    signs: bool = True
    hollow: Sequence[bool] = ()
    shares: Sequence[float] = ()
    low: Numbers = ()
    high: Numbers = ()
    ends: Literal["x", "y", "band"] = "y"
    told: Sequence[str] | Reading = ()

    def stretches(self, bounds: tuple[float, float] | None) -> list[list[tuple[float, float, float]]]:
        """The parts of the band without a hole, within bounds: place, low, high of each point."""
        least, most = bounds or (-math.inf, math.inf)
        found: list[list[tuple[float, float, float]]] = [[]]
        for x, low, high in (
            zip(self.x, self.low, self.high, strict=True) if self.low and self.ends == "band" else ()
        ):
            if x is not None and low is not None and high is not None:
                found[-1].append((x, max(low, least), min(high, most)))
            elif found[-1]:
                found.append([])
        return [part for part in found if part]


@dataclass(frozen=True)
class Rule:
    """A line across the panel at a value of x or y, by which others are read."""

    at: float
    along: Literal["x", "y"]
    colour: str
    dash: Dash = "solid"


@dataclass(frozen=True)
class Span:
    """A shaded stretch of the x axis, with its entry in the legend or its name above it."""

    low: float
    high: float
    colour: str
    key: str = ""
    above: str = ""
    ink: str = ""


@dataclass(frozen=True)
class Cells:
    """A matrix of values as colours, the first row on top.

    Attributes:
        values: row by row.
        texts: in each cell, its lines; of several the number is the second.
        told: of each cell, under the pointer.
        rows: the names of the rows.
        columns: the names of the columns.
        scale: colours of shares in [0, 1] of the way from low to high.
        low: the value of the first colour.
        high: the value of the last one.
        title: of the scale, which is shown where cells are too many for texts, or `keyed`.
        keyed: whether it is shown anyhow.
    """

    values: Sequence[Numbers]
    texts: Sequence[Sequence[str]]
    told: Sequence[Sequence[str]]
    rows: Sequence[str]
    columns: Sequence[str]
    scale: Sequence[tuple[float, str]]
    low: float
    high: float
    title: str
    keyed: bool = False


@dataclass(frozen=True)
class Note:
    """A few words beside a point of the panel."""

    x: float
    y: float
    text: str


Mark = Series | Rule | Span | Cells | Note


@dataclass(frozen=True)
class Row:
    """A line of a panel whose y axis has names: its height, its name, and what is said beside it."""

    at: float
    name: str
    told: str = ""


@dataclass(frozen=True)
class Panel:
    """Marks on two axes, the lowest first.

    Attributes:
        marks: what is drawn.
        x: the axis below.
        y: the axis at the left.
        name: of its own figure on paper; empty: it is drawn in one with the others.
        title: above it.
        rows: names at the left instead of the y axis.
        square: whether both axes have one scale.
        height: beside the others, 1 as usual.
        dashes: what the lines of each dash are.
    """

    marks: Sequence[Mark]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    name: str = ""
    title: str = ""
    rows: Sequence[Row] = ()
    square: bool = False
    height: float = 1.0
    dashes: Mapping[Dash, str] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A part of all panels that a page can show by a button: a range of x and one of y for each panel."""

    name: str
    ranges: Sequence[tuple[tuple[float, float], tuple[float, float]]]


@dataclass(frozen=True)
class Drawing:
    """A chart.

    Attributes:
        panels: from left to right and from top to bottom.
        caption: what a page says of it.
        keys: the entries of the legend, in order.
        note: what paper, which has no caption, says below it.
        stacked: whether the panels stand one below the other and share the x axis.
        together: so many keys, those in `common` aside, share a panel on paper; of more each has its own. 0:
            all share one.
        common: keys that are in every such panel.
        views: for the buttons of a page; the first is shown.
        gathered: whether all panels are one figure on paper.
    """

    panels: Sequence[Panel]
    caption: str = ""
    keys: Sequence[str] = ()
    note: str = ""
    stacked: bool = False
    together: int = 0
    common: Sequence[str] = ()
    views: Sequence[View] = ()
    gathered: bool = False


def fitting_ticks(axis: Axis, signs: float) -> list[tuple[float, str]]:
    """The named places that leave each other room, the first of the axis before others.

    Args:
        axis: with names and both ends.
        signs: how many average signs the axis is long.
    """
    span = (axis.high or 0.0) - (axis.low or 0.0)
    taken: dict[float, str] = {}
    for place, name in axis.ticks:
        room = (
            abs(place - other) / span * signs - (len(name) + len(there)) / 2 for other, there in taken.items()
        )
        if all(free > 1 for free in room):
            taken[place] = name
    return sorted(taken.items())
