"""Response curves as figures for a paper, one column wide: the metric above, the gap below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regbench.analysis.response import BEST, OVER, UNDER
from regbench.analysis.words import factor
from regbench.folders import outputs
from regbench.reports.drawings.response import Panel, Sketch, stretches, ticks
from regbench.reports.filenames import distinct
from regbench.reports.paper.style import (
    COLORS,
    COLUMN,
    GREY,
    PALE,
    STYLE,
    add_legend,
    broken,
    fitting,
    panels_below,
    rendered,
)
from regbench.reports.wording import title, unit

TINTS = {UNDER: (COLORS[5], "#1B6389"), OVER: (COLORS[4], "#7A5200"), BEST: (COLORS[2], "#00614A")}
OTHER = (PALE, GREY)
LINE, MARK = COLORS[0], "#B30000"
SIGNS = 44.0  # that the axis is long
HEIGHTS = (1.9, 1.1)  # inches of the panels


def write_figures(sketches: Sequence[Sketch], folder: Path) -> list[Path]:
    """Write the figure of every curve that has a run, and give their paths; the same curves, the same bytes.

    Args:
        sketches: of the curves; a file is called after its curve.
        folder: made where it is missing; earlier figures of the same names are replaced.

    Raises:
        OSError: a file cannot be written, or would take the place of one that is no figure of ours.
    """
    files: dict[str, bytes] = {}
    names = distinct(one.curve.name for one in sketches)
    with rc_context(STYLE):
        for name, one in zip(names, sketches, strict=True):
            if one.panels:
                files |= rendered(draw(one), f"{name}-response")
    return outputs.write_figures(folder, files)


def draw(sketch: Sketch) -> Figure:
    """Means with 95 % bands, each seed, the baseline across, the sides of the best, and the best."""
    figure, panels = panels_below(COLUMN, HEIGHTS[: len(sketch.panels)])
    for axes, panel in zip(panels, sketch.panels, strict=True):
        _draw(axes, panel, sketch)
        _tint(axes, sketch)
    lowest = panels[-1]
    named = ticks(sketch, SIGNS)
    lowest.set_xticks([place for place, _ in named], fitting([name for _, name in named]))
    lowest.set_xticks([place for place in sketch.places if place not in dict(named)], minor=True)
    lowest.set_xlim(sketch.axis.low, sketch.axis.high)
    lowest.set_xlabel(broken(fitting([sketch.below], 80)[0], 40))
    _name_zones(panels[0], sketch)
    figure.align_ylabels(panels)
    handles, labels = zip(*_legend(sketch), strict=True)
    add_legend(figure, handles, labels)
    return figure


def _draw(axes: Axes, panel: Panel, sketch: Sketch) -> None:
    """One panel, the lowest layer first."""
    scale = factor(panel.figure)
    if len(panel.seeds) > 1:
        for runs in panel.seeds.values():
            axes.plot(sketch.places, _floats(runs, scale), ".-", color=PALE, linewidth=0.4, markersize=1.5)
    if panel.baseline is not None:
        edges = panel.edges(panel.baseline)
        if edges:
            axes.axhspan(scale * edges[0], scale * edges[1], color=GREY, alpha=0.12, linewidth=0)
        axes.axhline(scale * panel.baseline.mean, color=GREY, linewidth=0.8, linestyle="--")
    for part in stretches(sketch.places, [panel.edges(one) for one in panel.means]):
        places, low, high = np.array(part).T
        axes.fill_between(places, scale * low, scale * high, color=LINE, alpha=0.2, linewidth=0)
    means = _floats([one.mean if one else None for one in panel.means], scale)
    axes.plot(sketch.places, means, "-", color=LINE)
    for place, mean, point in zip(sketch.places, means, sketch.curve.points, strict=True):
        axes.plot([place], [mean], "o", color=LINE, markerfacecolor="white" if point.diverged else LINE)
    best = sketch.curve.best
    if best is not None:
        at = sketch.values.index(best.value)
        axes.plot([sketch.places[at]], [means[at]], "D", color=MARK, markeredgecolor="white", markersize=6)
    low, high = panel.extent
    axes.set_ylim(scale * low, scale * high)
    measure = unit(panel.figure, panel.figure.startswith("gap/"))
    axes.set_ylabel(broken(f"{title(panel.figure)}{f' ({measure})' if measure else ''}", 16))
    for place in sketch.axis.breaks:
        axes.text(
            place, 0, "//", transform=axes.get_xaxis_transform(), ha="center", va="center", fontsize=6,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
        )  # fmt: skip


def _floats(values: Sequence[float | None], scale: float) -> list[float]:
    """Values as they are shown; a hole is no number, at which a line breaks."""
    return [float("nan") if value is None else scale * value for value in values]


def _tint(axes: Axes, sketch: Sketch) -> None:
    for zone in sketch.zones:
        axes.axvspan(
            zone.low, zone.high, color=TINTS.get(zone.side, OTHER)[0], alpha=0.13, linewidth=0, zorder=0
        )
    if sketch.curve.best is not None:
        place = sketch.axis.places[sketch.curve.best.value]
        axes.axvline(place, color=MARK, linewidth=0.6, linestyle=":", zorder=0.5)


def _name_zones(axes: Axes, sketch: Sketch) -> None:
    """Above the upper panel; the outer ones on a line of their own, so that all have room."""
    last = len(sketch.zones) - 1
    for place, zone in enumerate(sketch.zones):
        outer = place in (0, last)
        x, side = (zone.low + zone.high) / 2, "center"
        if last and outer:
            x, side = (zone.low, "left") if place == 0 else (zone.high, "right")
        axes.annotate(
            zone.side, (x, 1), xycoords=axes.get_xaxis_transform(), xytext=(0, 2 if outer else 10),
            textcoords="offset points", ha=side, va="bottom", fontsize=7,
            color=TINTS.get(zone.side, OTHER)[1],
        )  # fmt: skip


def _legend(sketch: Sketch) -> list[tuple[Line2D, str]]:
    panels = sketch.panels
    several = any(panel.edges(one) for panel in panels for one in panel.means)
    entries = [(Line2D([], [], color=LINE, marker="o"), "mean, 95 % interval" if several else "mean")]
    if any(len(panel.seeds) > 1 for panel in panels):
        entries.append((Line2D([], [], color=PALE, linewidth=0.6, marker="."), "each seed"))
    if any(panel.baseline for panel in panels):
        entries.append((Line2D([], [], color=GREY, linewidth=0.8, linestyle="--"), sketch.off))
    if sketch.best:
        entries.append((Line2D([], [], color=MARK, marker="D", linestyle=""), sketch.best))
    if any(one.diverged for one in sketch.curve.points):
        entries.append((Line2D([], [], color=LINE, marker="o", markerfacecolor="white"), "a seed diverged"))
    return entries
