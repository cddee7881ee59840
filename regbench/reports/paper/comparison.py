"""Figures of a report for a paper: PDF, SVG and PNG, one or two columns wide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from regbench.analysis.report import Arm, Comparison, Curve, Interaction, Report
from regbench.folders import outputs
from regbench.records.metrics import smaller_is_better
from regbench.reports.filenames import distinct
from regbench.reports.paper.style import (
    COLORS,
    COLUMN,
    GREY,
    MARKERS,
    PAGE,
    PALE,
    STYLE,
    add_legend,
    broken,
    fitting,
    label_below,
    one_panel,
    panels_across,
    rendered,
)
from regbench.reports.portions import portions

WORDS = {"better": (COLORS[0], True), "worse": (COLORS[1], True)}  # all other verdicts: grey, hollow
POINTS = "percentage points"
FEW = 4  # so many arms share one panel
MOST = 20  # arms in a figure, the baseline with them; of more there are several, none larger than a page
WIDE = 10.0  # costs further apart than this ratio stand on a logarithmic axis
MEMBERS = 5  # so many fit into one column of a heat map


@dataclass(frozen=True)
class _Look:
    """How an arm is drawn in every figure, and what it is called there."""

    label: str
    color: str
    marker: str


Looks = Mapping[str, _Look]
LineStyle = Literal["-", "--"]
Drawing = Callable[[Comparison, Looks], Figure | None]


def write_figures(report: Report, folder: Path) -> list[Path]:
    """Write the figures of every comparison, and give their paths.

    A file is called after its comparison and what it shows, with a number where the arms are too many for one
    figure; a figure that has nothing to show is left out.
    The same report gives the same bytes.

    Args:
        report: what is drawn.
        folder: made where it is missing; earlier figures of the same names are replaced.

    Raises:
        OSError: a file cannot be written, or would take the place of one that is no figure of ours.
    """
    files: dict[str, bytes] = {}
    slugs = distinct(comparison.name for comparison in report.comparisons)
    with rc_context(STYLE):
        for slug, comparison in zip(slugs, report.comparisons, strict=True):
            for name, figure in _figures(comparison):
                files |= rendered(figure, f"{slug}-{name}")
    return outputs.write_figures(folder, files)


def _figures(comparison: Comparison) -> Iterator[tuple[str, Figure]]:
    looks = _looks(comparison)
    many = len(comparison.arms) > MOST
    for name, draw in DRAWINGS.items():
        several = portions(comparison, MOST - 1) if many and draw in IN_PORTIONS else [comparison]
        for number, some in enumerate(several, 1):
            figure = draw(some, looks)
            if figure is not None:
                yield f"{name}-{number}" if len(several) > 1 else name, figure


def _looks(comparison: Comparison) -> dict[str, _Look]:
    """The baseline dark grey, every other arm with a pair of colour and sign of its own."""
    others = [arm.name for arm in comparison.arms if arm.name != comparison.baseline]
    labels = dict(zip(others, fitting(others), strict=True))
    looks = {
        name: _Look(label, COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)])
        for i, (name, label) in enumerate(labels.items())
    }
    if comparison.baseline is not None:
        looks[comparison.baseline] = _Look(fitting([comparison.baseline])[0], GREY, "o")
    return looks


def _unit(metric: str) -> tuple[float, str]:
    """What to multiply a figure by, and the name of the unit that it has then."""
    what = metric.rpartition("/")[2]
    if what.endswith("accuracy") or what == "ece":
        return 100.0, "%"
    return 1.0, "nats" if what == "loss" else ""


def _named(metric: str) -> str:
    """A figure's name as an axis has it."""
    split, _, what = metric.rpartition("/")
    return f"generalization gap in {what}" if split == "gap" else f"{split} {what}".strip()


def _whole_epochs(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


# curves


def _accuracy_curves(comparison: Comparison, looks: Looks) -> Figure | None:
    return _curves(comparison, looks, {"train/accuracy": "--", "val/accuracy": "-"}, "accuracy (%)")


def _gap_curves(comparison: Comparison, looks: Looks) -> Figure | None:
    return _curves(comparison, looks, {"gap/accuracy": "-"}, f"gap in accuracy ({POINTS})")


def _curves(comparison: Comparison, looks: Looks, lines: Mapping[str, LineStyle], unit: str) -> Figure | None:
    """All arms in one panel where they are few; else a panel for each, beside the baseline."""
    arms = [arm for arm in comparison.arms if any(name in arm.curves for name in lines)]
    if not arms:
        return None
    base = [arm for arm in arms if arm.name == comparison.baseline]
    if len(arms) <= FEW:
        figure, axes = one_panel(COLUMN, 2.3)
        panels = [(axes, arms)]
    else:
        others = [arm for arm in arms if arm.name != comparison.baseline]
        figure, grid = panels_across(len(others), 1.4)
        panels = [(axes, [*base, arm]) for axes, arm in zip(grid, others, strict=True)]
        for axes, arm in zip(grid, others, strict=True):
            axes.set_title(broken(looks[arm.name].label, 17))
    for axes, shown in panels:
        for arm, (name, style) in ((arm, line) for arm in shown for line in lines.items()):
            if name in arm.curves:
                _draw_curve(axes, arm.curves[name], looks[arm.name], style)
        _whole_epochs(axes)
        axes.yaxis.set_major_locator(MaxNLocator(4 if len(panels) > 1 else 6, steps=[1, 2, 5, 10]))
    label_below([axes for axes, _ in panels], "epoch")
    figure.supylabel(unit, fontsize=8)
    keyed = arms if len(arms) <= FEW else base
    handles = [Line2D([], [], color=looks[arm.name].color) for arm in keyed]
    labels = [looks[arm.name].label for arm in keyed]
    if len(lines) > 1:
        handles += [Line2D([], [], color=PALE, linestyle=style) for style in lines.values()]
        labels += [name.partition("/")[0] for name in lines]
    if labels:
        add_legend(figure, handles, labels)
    return figure


def _draw_curve(axes: Axes, curve: Curve, look: _Look, style: LineStyle) -> None:
    marker = look.marker if len(curve.epochs) == 1 else ""
    mean, low, high = (100 * np.array(values) for values in (curve.mean, curve.low, curve.high))
    if (high > low).any():
        axes.fill_between(curve.epochs, low, high, color=look.color, alpha=0.18, linewidth=0)
    axes.plot(curve.epochs, mean, style, color=look.color, marker=marker)


# differences


def _forest(comparison: Comparison, looks: Looks) -> Figure | None:
    """Every arm's difference to the baseline with its interval, the best on top."""
    metric = comparison.metric
    arms = [arm for arm in comparison.arms if arm.name != comparison.baseline and metric in arm.differences]
    if not arms:
        return None
    texts = [broken(looks[arm.name].label, 20) for arm in arms]
    height = sum(0.13 + 0.11 * (1 + text.count("\n")) for text in texts)
    figure, axes = one_panel(COLUMN, 0.75 + height)
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    for row, arm in enumerate(arms):
        _draw_difference(axes, row, arm, metric)
    axes.set_yticks(range(len(arms)), texts)
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    scale, unit = _unit(metric)
    unit = POINTS if scale == 100 else unit
    notes = [broken(f"difference in {_named(metric)}", 30)]
    if unit:
        notes.append(f"({unit})")
    if any(arm.differences[metric].low is not None for arm in arms):
        notes.append("95 % intervals, unadjusted")
    if smaller_is_better(metric):
        notes.append("less is better")
    axes.set_xlabel("\n".join(notes))
    _verdict_legend(figure, arms)
    return figure


def _draw_difference(axes: Axes, row: int, arm: Arm, metric: str) -> None:
    scale, found = _unit(metric)[0], arm.differences[metric]
    color, filled = _of_verdict(arm)
    if found.low is not None and found.high is not None:
        axes.plot([scale * found.low, scale * found.high], [row, row], "-", color=color, zorder=2)
    face = color if filled else "white"
    axes.plot([scale * found.mean], [row], "o", color=color, markerfacecolor=face, zorder=3)


def _of_verdict(arm: Arm) -> tuple[str, bool]:
    return WORDS.get(arm.verdict.word if arm.verdict else "", (GREY, False))


def _verdict_legend(figure: Figure, arms: Sequence[Arm]) -> None:
    words = {arm.verdict.word: _of_verdict(arm) for arm in arms if arm.verdict}
    if words:
        handles = [
            Line2D([], [], color=color, marker="o", markerfacecolor=color if filled else "white")
            for color, filled in words.values()
        ]
        add_legend(figure, handles, list(words))


# cost


def _cost(comparison: Comparison, looks: Looks) -> Figure | None:
    """Accuracy against training time, with the frontier of arms that none beats in both."""
    metric = "val/accuracy"
    relative = any("seconds" in arm.cost for arm in comparison.arms)
    points = {}
    for arm in comparison.arms:
        seconds = arm.cost.get("seconds") if relative else getattr(arm.figures.get("seconds"), "mean", None)
        if seconds is not None and metric in arm.figures:
            points[arm.name] = (seconds, 100 * arm.figures[metric].mean)
    if len(points) < 2:
        return None
    figure, axes = one_panel(COLUMN, 2.3)
    edge = frontier(list(points.values()))
    axes.step(*zip(*edge, strict=True), where="post", color=PALE, linewidth=0.9, zorder=1)
    for name, (seconds, value) in reversed(points.items()):  # the best on top
        look = looks[name]
        axes.plot([seconds], [value], look.marker, color=look.color, markeredgecolor="white", markersize=5.5)
    costs = [seconds for seconds, _ in points.values()]
    if min(costs) > 0 and max(costs) / min(costs) > WIDE:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.margins(0.08)
    axes.set_xlabel("training time (multiples of the baseline's)" if relative else "training time (s)")
    axes.set_ylabel("val accuracy (%)")
    handles = [Line2D([], [], color=looks[n].color, marker=looks[n].marker, linestyle="") for n in points]
    add_legend(
        figure,
        [*handles, Line2D([], [], color=PALE)],
        [*(looks[name].label for name in points), "Pareto frontier"],
    )
    return figure


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The pairs of cost and merit of which none is both no dearer and no worse than another, by cost."""
    kept: list[tuple[float, float]] = []
    for cost, merit in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not kept or merit > kept[-1][1]:
            kept.append((cost, merit))
    return kept


# calibration


def _reliability(comparison: Comparison, looks: Looks) -> Figure | None:
    """Accuracy against confidence, bin by bin; the larger a sign, the more rows it stands for."""
    arms = [arm for arm in comparison.arms if arm.reliability and any(_bins(arm))]
    if not arms:
        return None
    if len(arms) == 1:
        figure, axes = one_panel(COLUMN, 3.0)
        panels = [axes]
    else:
        figure, panels = panels_across(len(arms))
    for axes, arm in zip(panels, arms, strict=True):
        look, bins = looks[arm.name], _bins(arm)
        confidence, accuracy, share = (np.array(column) for column in zip(*bins, strict=True))
        axes.plot([0, 100], [0, 100], ":", color=PALE, linewidth=0.8)
        axes.plot(100 * confidence, 100 * accuracy, "-", color=look.color)
        axes.scatter(
            100 * confidence, 100 * accuracy, s=3 + 60 * share, color=look.color, linewidth=0, clip_on=False
        )
        axes.set(xlim=(0, 100), ylim=(0, 100), aspect="equal")
        axes.set_title(broken(look.label, 17))
    label_below(panels, "confidence (%)")
    figure.supylabel("accuracy (%)", fontsize=8)
    return figure


def _bins(arm: Arm) -> list[tuple[float, float, float]]:
    """Confidence, accuracy and share of the bins that hold any rows."""
    found = arm.reliability or {}
    columns = [found.get(name, []) for name in ("confidence", "accuracy", "share")]
    return [(c, a, s) for c, a, s in zip(*columns, strict=True) if c is not None and a is not None and s]


# interactions


def _heat_map(comparison: Comparison, looks: Looks) -> Figure | None:
    """Of every pair what the two do together beyond the sum of each alone, and on the diagonal each alone."""
    pairs = comparison.interactions
    if not pairs:
        return None
    members = _members(pairs)
    scale, unit = _unit(comparison.metric)
    place = {name: index for index, name in enumerate(members)}
    values = np.full((len(members), len(members)), np.nan)
    width = COLUMN if len(members) <= MEMBERS else PAGE
    figure, axes = one_panel(width, width * (0.85 if width == COLUMN else 0.75))
    alone: dict[str, float] = {}
    for pair in pairs:
        first, second = (place[name] for name in pair.members)
        values[second, first] = scale * pair.interaction.mean
        alone |= dict(zip(pair.members, (pair.first.mean, pair.second.mean), strict=True))
    largest = float(np.nanmax(np.abs(values))) or 1.0
    image = axes.imshow(np.ma.masked_invalid(values), cmap="PuOr_r", vmin=-largest, vmax=largest)
    digits = 1 if scale == 100 else 3
    for name, mean in alone.items():
        _write_cell(axes, place[name], place[name], f"({_signed(scale * mean, digits)})", GREY, len(members))
    for pair in pairs:
        first, second = (place[name] for name in pair.members)
        value = values[second, first]
        resolved = pair.verdict.word in ("synergy", "overlap")
        text = _signed(value, digits) + (f"\n{pair.verdict.word}" if resolved else "")
        color = "white" if abs(value) > 0.7 * largest else "black"
        _write_cell(axes, first, second, text, color, len(members))
    _label_members(axes, members)
    axes.set_xlabel("in brackets: each alone")
    unit = POINTS if scale == 100 else unit
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25)
    bar.set_label(f"interaction in {_named(comparison.metric)}" + (f"\n({unit})" if unit else ""))
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _members(pairs: Sequence[Interaction]) -> list[str]:
    """All members of pairs, those that act first before the others."""
    seconds = [pair.members[1] for pair in pairs]
    names = dict.fromkeys(chain.from_iterable(pair.members for pair in pairs))
    return sorted(names, key=seconds.count)


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def _write_cell(axes: Axes, column: int, row: int, text: str, color: str, members: int) -> None:
    size = 6.5 if members <= 2 * MEMBERS else 4.0
    axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _label_members(axes: Axes, members: Sequence[str]) -> None:
    labels = [broken(label, 16) for label in fitting(members, 30)]
    axes.set_xticks(range(len(members)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(members)), labels)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


DRAWINGS: dict[str, Drawing] = {
    "accuracy": _accuracy_curves,
    "gap": _gap_curves,
    "differences": _forest,
    "cost": _cost,
    "reliability": _reliability,
    "interactions": _heat_map,
}
IN_PORTIONS = {_accuracy_curves, _gap_curves, _forest, _reliability}  # these grow with the arms
