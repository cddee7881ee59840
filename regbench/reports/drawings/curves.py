"""The courses over the epochs: what decides, the loss, and the gaps of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from regbench.analysis.report import Arm, Comparison, Curve
from regbench.analysis.words import factor
from regbench.records.metrics import METRICS, Metric, Terms, is_percent
from regbench.reports.drawings.marks import Axis, Dash, Drawing, Panel, Reading, Series, View
from regbench.reports.drawings.palette import Looks
from regbench.reports.wording import scaled

Ranges = tuple[tuple[float, float], tuple[float, float]]
TOGETHER = 3  # arms beside the baseline that share a panel on paper


class Subject(NamedTuple):
    """One of the panels: its name, what it shows, in which unit, and the metrics in it with their dashes."""

    name: str
    shows: str
    unit: str
    lines: dict[str, Dash]


def subjects(terms: Terms) -> list[Subject]:
    """A panel for the course of each metric that has one, and one for its gap."""
    return [
        one
        for metric in METRICS
        if metric.curve and metric.task == terms.task
        for one in (_of_splits(metric, terms), _of_gap(metric, terms))
    ]


def _of_splits(metric: Metric, terms: Terms) -> Subject:
    val, train = f"val/{metric.name}", f"train/{metric.name}"
    return Subject(metric.name, metric.noun, terms.unit_of(val), {val: "solid", train: "dash"})


def _of_gap(metric: Metric, terms: Terms) -> Subject:
    key = f"gap/{metric.name}"
    shows = (
        f"gap: train \N{MINUS SIGN} val {metric.noun}"
        if metric.better == "more"
        else f"gap in {metric.noun}: val \N{MINUS SIGN} train"
    )
    name = "gap" if metric.decides else f"{metric.name}-gap"
    return Subject(name, shows, terms.unit_of(key, True), {key: "solid"})


def curves(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """Means and bands over the seeds, the first arm on top; the axes are those of the whole comparison."""
    everyone = whole.arms
    terms = whole.terms
    shown = [
        one for one in subjects(terms) if any(name in arm.curves for arm in everyone for name in one.lines)
    ]
    if not shown:
        return None
    views = list(_views(shown, everyone))
    caption = (
        "Means over the seeds with 95 % bands. A click on a name switches it off and on, a double click "
        "leaves it alone."
    )
    drawn = [
        arm.name for arm in comparison.arms if any(name in arm.curves for one in shown for name in one.lines)
    ]
    return Drawing(
        [
            _panel(one, terms, comparison.arms, looks, *views[0].ranges[place])
            for place, one in enumerate(shown)
        ],
        caption,
        drawn,
        together=TOGETHER,
        common=[name for name in drawn if name == comparison.baseline],
        views=views,
    )


def _panel(
    subject: Subject,
    terms: Terms,
    arms: Sequence[Arm],
    looks: Looks,
    x: tuple[float, float],
    y: tuple[float, float],
) -> Panel:
    bounds = (0.0, 100.0) if subject.unit == "%" else None
    return Panel(
        [
            _line(arm, name, dash, looks, terms)
            for arm in reversed(arms)
            for name, dash in subject.lines.items()
            if name in arm.curves
        ],
        Axis("epoch", *x, whole=True),
        Axis(f"{subject.shows} ({subject.unit})" if subject.unit else subject.shows, *y, bounds=bounds),
        subject.name,
        dashes={dash: name.partition("/")[0] for name, dash in subject.lines.items()}
        if len(subject.lines) > 1
        else {},
    )


def _line(arm: Arm, metric: str, dash: Dash, looks: Looks, terms: Terms) -> Series:
    curve, several = arm.curves[metric], len(arm.seeds) > 1
    measure = terms.unit_of(metric, metric.startswith("gap/"))
    return Series(
        arm.name,
        looks[arm.name],
        curve.epochs,
        scaled(metric, curve.mean),
        joined="straight",
        dash=dash,
        signs=len(curve.epochs) <= 2,
        low=scaled(metric, curve.low) if several else (),
        high=scaled(metric, curve.high) if several else (),
        ends="band",
        told=Reading("epoch", terms.title(metric), measure, 2 if is_percent(metric) else 4),
    )


def _views(shown: Sequence[Subject], arms: Sequence[Arm]) -> Iterator[View]:
    """The whole course, and its second half where that has some epochs."""
    drawn = [
        [(name, arm.curves[name]) for name in one.lines for arm in arms if name in arm.curves]
        for one in shown
    ]
    everyone = [curve for panel in drawn for _, curve in panel]
    first, last = min(c.epochs[0] for c in everyone), max(c.epochs[-1] for c in everyone)
    middle = (first + last) // 2
    yield View("all epochs", [_ranges(panel, first, last) for panel in drawn])
    if last - middle >= 3:
        yield View("second half", [_ranges(panel, middle, last) for panel in drawn])


def _ranges(drawn: Sequence[tuple[str, Curve]], start: int, last: int) -> Ranges:
    """All means from an epoch on; of the bands, which two seeds make huge, what there is room for."""
    points = [
        tuple(factor(metric) * value for value in (low, mean, high))
        for metric, curve in drawn
        for epoch, low, mean, high in zip(curve.epochs, curve.low, curve.mean, curve.high, strict=True)
        if epoch >= start
    ] or [(0.0, 0.0, 0.0)]
    least, most = min(mean for _, mean, _ in points), max(mean for _, mean, _ in points)
    room = 0.3 * (most - least) or max(abs(most), 1.0) * 0.01
    low = max(least - room, min(low for low, _, _ in points))
    high = min(most + room, max(high for _, _, high in points))
    beside = 0.02 * (last - start) or 0.5
    return (start - beside, last + beside), (round(low - room / 6, 6), round(high + room / 6, 6))
