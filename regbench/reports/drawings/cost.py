"""What is reached at what cost: what val decides by against time, and the arms that none beats in both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from regbench.analysis.report import Arm, Comparison
from regbench.analysis.words import number
from regbench.records.metrics import Terms
from regbench.reports.drawings.marks import Axis, Drawing, Panel, Series
from regbench.reports.drawings.palette import GREY, PALE, Look, Looks
from regbench.reports.wording import scaled, shortened

FRONTIER, OTHERS = "frontier", "other arms"
WIDE = 10.0  # costs further apart than this ratio stand on a logarithmic axis
CAPTION = (
    "Means over the seeds, ± their standard deviation. The step line is the frontier: no other arm is both "
    "cheaper and better on the mean, which is no verdict."
)


def prices(comparison: Comparison) -> dict[str, float]:
    """What each arm costs: seconds as multiples of the baseline's; absolute where there is no baseline."""
    arms = [arm for arm in comparison.arms if comparison.terms.judged in arm.figures]
    if comparison.baseline is not None:
        return {arm.name: arm.cost["seconds"] for arm in arms if "seconds" in arm.cost}
    return {arm.name: arm.figures["seconds"].mean for arm in arms if "seconds" in arm.figures}


def frontier(comparison: Comparison) -> list[str]:
    """The arms, the cheapest first, than which no other is both cheaper and better on the mean."""
    costs = prices(comparison)
    metric = comparison.terms.judged
    reached = {arm.name: arm.figures[metric].mean for arm in comparison.arms if arm.name in costs}
    kept: list[str] = []
    for name in sorted(costs, key=lambda name: (costs[name], -reached[name], name)):
        if not kept or reached[name] > reached[kept[-1]]:
            kept.append(name)
    return kept


def cost(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """What val decides by against seconds, with the frontier of the whole comparison as a step line."""
    costs, metric = prices(whole), whole.terms.judged
    everyone = {arm.name: arm for arm in whole.arms if arm.name in costs}
    arms = [arm for arm in comparison.arms if arm.name in costs]
    if not arms:
        return None
    wide = min(costs.values()) > 0 and max(costs.values()) > WIDE * min(costs.values())
    places = {name: math.log10(price) if wide else price for name, price in costs.items()}
    best = [everyone[name] for name in frontier(whole)]
    others = [arm for name, arm in everyone.items() if name not in {one.name for one in arms}]
    edge = Series(
        FRONTIER,
        Look(GREY),
        [places[arm.name] for arm in best],
        scaled(metric, [arm.figures[metric].mean for arm in best]),
        joined="step",
        dash="dot",
        signs=False,
    )
    base = None if comparison.baseline is None else f"{shortened(comparison.baseline)}'s"
    below = [edge]
    if others:  # drawn so that the arms can be seen among them
        below.append(
            _points(
                metric, OTHERS, others, places, Look(PALE), 0.5, [_told(arm, whole.terms) for arm in others]
            )
        )
    made = []
    for arm in arms:
        price = f"{costs[arm.name]:.2f} times {base}" if base else f"{costs[arm.name]:.3g} s"
        told = f"{_told(arm, whole.terms)}, time {price}"
        made.append(_points(metric, arm.name, [arm], places, looks[arm.name], 1.0, [told]))
    panel = Panel(
        [*below, *reversed(made)],  # the best on top
        Axis(
            f"time (multiples of {base})" if base else "time (s)",
            ticks=_ticks(costs.values()) if wide else (),
        ),
        Axis(whole.terms.with_unit(metric)),
    )
    return Drawing([panel], CAPTION, [one.key for one in (*below, *made)])


def _points(
    metric: str,
    key: str,
    arms: Sequence[Arm],
    places: Mapping[str, float],
    look: Look,
    weight: float,
    told: list[str],
) -> Series:
    spreads = [arm.figures[metric] for arm in arms]
    means = scaled(metric, [spread.mean for spread in spreads])
    x = [places[arm.name] for arm in arms]
    if key == OTHERS or not spreads[0].sd:
        return Series(key, look, x, means, weight=weight, told=told)
    low, high = (scaled(metric, [one.mean + sign * (one.sd or 0.0) for one in spreads]) for sign in (-1, 1))
    return Series(key, look, x, means, weight=weight, low=low, high=high, ends="y", told=told)


def _told(arm: Arm, terms: Terms) -> str:
    reached = number(terms.judged, arm.figures[terms.judged].mean)
    return f"{shortened(arm.name)}: {reached} {terms.unit_of(terms.judged)}".rstrip()


def _ticks(costs: Iterable[float]) -> list[tuple[float, str]]:
    """1, 2 and 5 times powers of ten around the costs, where their logarithms stand."""
    known = list(costs)
    powers = range(math.floor(math.log10(min(known))), math.ceil(math.log10(max(known))) + 1)
    values = [digit * 10.0**power for digit in (1, 2, 5) for power in powers]
    return [(math.log10(value), f"{value:g}") for value in values if min(known) / 2 < value < max(known) * 2]
