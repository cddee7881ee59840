"""Marks of a description on matplotlib's axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from regbench.reports.drawings.marks import (
    Axis,
    Mark,
    Note,
    Numbers,
    Panel,
    Rule,
    Series,
    Span,
    fitting_ticks,
)
from regbench.reports.paper.style import MARKERS, broken, fitting

DASHES: dict[str, Any] = {"solid": "-", "dash": "--", "dot": ":"}
SIGN, JOINED, LINE = 5.0, 4.0, 1.1  # points of a sign that stands alone, of one on a line, and of a line
LEAST, MOST = 3, 60  # of the area of a sign that stands for no rows, and what all rows add to it
BAND, TINT = 0.18, 0.13  # how much a band and a span cover
UPRIGHT = 4  # names below an axis that shows all; of more each stands upright
SIGNS = 44.0  # that the axis of a column is long


def draw(axes: Axes, panel: Panel) -> None:
    """The marks of a panel; bands lie below lines."""
    for mark in panel.marks:
        if isinstance(mark, Span):
            opacity = 1.0 if mark.key else TINT
            axes.axvspan(mark.low, mark.high, color=mark.colour, alpha=opacity, linewidth=0, zorder=0)
        elif isinstance(mark, Rule):
            line = axes.axvline if mark.along == "x" else axes.axhline
            line(mark.at, color=mark.colour, linewidth=0.8, linestyle=DASHES[mark.dash], zorder=1)
    series = [mark for mark in panel.marks if isinstance(mark, Series)]
    for one in series:
        for part in one.stretches(panel.y.bounds):
            places, low, high = np.array(part).T
            if (high > low).any():
                axes.fill_between(places, low, high, color=one.look.colour, alpha=BAND, linewidth=0)
    for one in series:
        _draw_series(axes, one)
    _name_spans(axes, [mark for mark in panel.marks if isinstance(mark, Span) and mark.above])
    for note in (mark for mark in panel.marks if isinstance(mark, Note)):
        (text,) = fitting([note.text], 12)
        axes.annotate(
            text, (note.x, note.y), xytext=(2, 0), textcoords="offset points",
            va="center", fontsize=5, zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.75},
        )  # fmt: skip


def _draw_series(axes: Axes, series: Series) -> None:
    colour, weight = series.look.colour, series.weight
    x, y = _floats(series.x), _floats(series.y)
    if series.low and series.ends != "band":
        low, high = _floats(series.low), _floats(series.high)
        across = axes.hlines if series.ends == "x" else axes.vlines
        across(y if series.ends == "x" else x, low, high, color=colour, linewidth=LINE * weight, zorder=2)
    if series.joined:
        steps = "steps-post" if series.joined == "step" else "default"
        axes.plot(x, y, DASHES[series.dash], color=colour, linewidth=LINE * weight, drawstyle=steps, zorder=2)
    if series.shares:
        sizes = [LEAST + MOST * share for share in series.shares]
        axes.scatter(
            x,
            y,
            s=sizes,
            color=colour,
            linewidth=0,
            marker=MARKERS[series.look.symbol],
            zorder=3,
            clip_on=False,
        )
    elif series.signs:
        hollow = series.hollow or [series.look.hollow] * len(x)
        for empty in sorted(set(hollow)):
            some = [place for place, one in enumerate(hollow) if one == empty]
            axes.plot(
                [x[n] for n in some], [y[n] for n in some], linestyle="", zorder=3, **_sign(series, empty)
            )


def _sign(series: Series, hollow: bool) -> dict[str, Any]:
    look = series.look
    size = (JOINED if series.joined else SIGN) * series.weight
    made = {"marker": MARKERS[look.symbol], "color": look.colour, "markersize": size}
    if hollow:
        made["markerfacecolor"] = "white"
    if series.weight > 1:  # the one that stands out
        made["markeredgecolor"] = "white"
    return made


def _floats(values: Numbers) -> list[float]:
    """A hole is no number, at which a line breaks."""
    return [float("nan") if value is None else value for value in values]


def handle(marks: Iterable[Mark], key: str) -> Line2D | Patch:
    """What stands in the legend for a key: as its first mark is drawn."""
    mark = next(one for one in marks if getattr(one, "key", None) == key)
    if isinstance(mark, Span):
        return Patch(color=mark.colour)
    assert isinstance(mark, Series)
    signs = mark.signs or bool(mark.shares)
    style: dict[str, Any] = _sign(mark, mark.look.hollow) if signs else {"color": mark.look.colour}
    return Line2D([], [], linestyle=DASHES[mark.dash] if mark.joined else "", **style)


def dress(axes: Axes, panel: Panel) -> None:
    """Ranges, ticks and breaks of the axes; their titles depend on what stands beside them."""
    _scale(panel.x, axes.set_xlim, axes.set_xticks)
    _scale(panel.y, axes.set_ylim, axes.set_yticks)
    if panel.x.whole:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if panel.x.every and len(panel.x.ticks) > UPRIGHT:
        axes.tick_params(axis="x", rotation=90)
    if panel.y.bare:
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
    if panel.square:
        axes.set_aspect("equal")
    if panel.rows:
        axes.set_yticks([row.at for row in panel.rows], row_names(panel))
        axes.set_ylim(0.5, len(panel.rows) + 0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    for place in panel.x.breaks:
        axes.text(
            place, 0, "//", transform=axes.get_xaxis_transform(), ha="center", va="center", fontsize=6,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
        )  # fmt: skip


def row_names(panel: Panel) -> list[str]:
    """The names of the rows, on as many lines as they need."""
    return [broken(label, 20) for label in fitting([row.name for row in panel.rows])]


def _scale(axis: Axis, limit: Any, ticks: Any) -> None:
    if axis.ticks:
        shown = axis.ticks if axis.low is None or axis.every else fitting_ticks(axis, SIGNS)
        ticks([place for place, _ in shown], fitting([name for _, name in shown]))
        ticks([place for place, _ in axis.ticks if place not in dict(shown)], minor=True)
    if axis.low is not None:
        limit(axis.low, axis.high)


def _name_spans(axes: Axes, spans: Sequence[Span]) -> None:
    """Above the panel; the outer ones on a line of their own, so that all have room."""
    last = len(spans) - 1
    for place, span in enumerate(spans):
        outer = place in (0, last)
        x, side = (span.low + span.high) / 2, "center"
        if last and outer:
            x, side = (span.low, "left") if place == 0 else (span.high, "right")
        axes.annotate(
            span.above, (x, 1), xycoords=axes.get_xaxis_transform(), xytext=(0, 2 if outer else 10),
            textcoords="offset points", ha=side, va="bottom", fontsize=7, color=span.ink,
        )  # fmt: skip
