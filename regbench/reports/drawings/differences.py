"""The differences to the baseline with their intervals: a row for each arm, and all arms at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from regbench.analysis.report import Arm, Comparison
from regbench.analysis.words import number
from regbench.records.metrics import smaller_is_better
from regbench.reports.drawings.marks import Axis, Drawing, Panel, Row, Rule, Series, Span
from regbench.reports.drawings.palette import BASELINE, SAMPLING, VERDICTS, Looks
from regbench.reports.portions import AT_ONCE
from regbench.reports.wording import INTERVAL, effect, interval, scaled, shortened, typeset

SMALL = 0.6  # of a sign, where there are many


def differences(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """Coloured by verdict, the best on top; on one axis for all arms of the whole comparison."""
    metric, arms = comparison.metric, _compared(comparison)
    if not arms:
        return None
    place = {arm.name: float(len(arms) - rank) for rank, arm in enumerate(arms)}
    found = _by_verdict(comparison, arms, place, "x")
    error = comparison.sampling_error if metric == comparison.terms.judged else None
    spans = []
    if error:
        name = f"sampling error of the split, ± {number(metric, error)} points"
        spans = [Span(-100 * error, 100 * error, SAMPLING, name)]
    better = "left" if smaller_is_better(metric) else "right"
    to = f" to {shortened(str(comparison.baseline))}"
    heading = _heading(comparison, to, f"{better} is better")
    low, high = _extent(_compared(whole), metric, error)
    panel = Panel(
        [*spans, Rule(0.0, "x", BASELINE), *found],
        Axis(heading, low, high),
        rows=[Row(place[arm.name], arm.name, _told(arm, metric)) for arm in arms],
    )
    band = (
        f" The shaded band is one standard error of an accuracy on {comparison.rows['val']} rows, by their "
        "number alone."
    )
    caption = (
        f"Mean difference to {comparison.baseline}, paired by seed, and its 95 % interval, unadjusted; "
        f"colours are of the verdicts, which are adjusted.{band if error else ''}"
    )
    several = any(arm.differences[metric].low is not None for arm in arms)
    keys = [*(one.key for one in found), *(one.key for one in spans)]
    return Drawing([panel], caption, keys, INTERVAL if several else "")


def overall(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """Without names, the best first, where arms are too many for a row each on one screen."""
    arms = _compared(comparison)
    if len(comparison.arms) <= AT_ONCE or not arms:
        return None
    place = {arm.name: float(rank) for rank, arm in enumerate(arms, 1)}
    found = _by_verdict(comparison, arms, place, "y")
    panel = Panel(
        [Rule(0.0, "y", BASELINE), *found],
        Axis("place of the arm in the table", 0.0, len(arms) + 1.0),
        Axis(_heading(comparison)),
    )
    caption = (
        f"All arms: mean difference to {comparison.baseline}, paired by seed, and its 95 % interval, "
        "unadjusted. The name is under the pointer."
    )
    return Drawing([panel], caption, [one.key for one in found], INTERVAL)


def _compared(comparison: Comparison) -> list[Arm]:
    return [arm for arm in comparison.arms if arm.verdict and comparison.metric in arm.differences]


def _heading(comparison: Comparison, to: str = "", *notes: str) -> str:
    metric, terms = comparison.metric, comparison.terms
    words = "; ".join(filter(None, [terms.unit_of(metric, True), *notes]))
    return f"difference in {terms.title(metric)}{to}{f' ({words})' if words else ''}"


def _told(arm: Arm, metric: str) -> str:
    known = arm.differences[metric]
    return typeset(f"{number(metric, known.mean, True)} {interval(metric, known)}".rstrip())


def _extent(arms: Sequence[Arm], metric: str, error: float | None) -> list[float]:
    """A range with zero, all means and intervals, and the band if it is not much wider than these."""
    found = [arm.differences[metric] for arm in arms]
    values = [0.0, *(value for d in found for value in (d.mean, d.low, d.high) if value is not None)]
    low, high = min(values), max(values)
    if error:
        most = 1.2 * max(high, -low)
        low, high = min(low, max(-error, -most)), max(high, min(error, most))
    room = 0.06 * (high - low) or 0.01
    return scaled(metric, [low - room, high + room])


def _by_verdict(
    comparison: Comparison, arms: Sequence[Arm], place: Mapping[str, float], along: Literal["x", "y"]
) -> list[Series]:
    """The differences of each verdict, of which there are any, as points along an axis."""
    made, metric = [], comparison.metric
    for word, look in VERDICTS.items():
        some = [arm for arm in arms if arm.verdict and arm.verdict.word == word]
        found = [arm.differences[metric] for arm in some]
        means, places = scaled(metric, [d.mean for d in found]), [place[arm.name] for arm in some]
        low, high = (
            [None if end is None else scaled(metric, [end])[0] for end in ends]
            for ends in ([d.low for d in found], [d.high for d in found])
        )
        if not any(end is not None for end in low):
            low, high = [], []
        told = [
            f"{shortened(arm.name)}: {typeset(effect(metric, d, comparison.terms))}"
            for arm, d in zip(some, found, strict=True)
        ]
        x, y = (means, places) if along == "x" else (places, means)
        key, weight = (word, 1.0) if along == "x" else (f"{word} ({len(some)})", SMALL)
        if some:
            made.append(Series(key, look, x, y, weight=weight, low=low, high=high, ends=along, told=told))
    return made
