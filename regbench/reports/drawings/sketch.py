"""What is drawn of a response curve: places on an axis, sides of the best, means, each seed's own line."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from regbench.analysis.cohorts import Cohort
from regbench.analysis.notes import note_of
from regbench.analysis.report import Difference
from regbench.analysis.response import Response, value_at
from regbench.records.metrics import is_percent
from regbench.reports.response_text import short

SPAN = 20.0  # values further apart than this ratio stand on a logarithmic axis
MARGIN = 0.05  # of the values' extent, beside the outermost
APART = 0.12  # of the others' extent at least, between them and a value that stands apart
ROOM = 0.4  # of the extent of all runs, for the ends of intervals beyond them


@dataclass(frozen=True)
class Values:
    """Where values stand, from left to right.

    Attributes:
        places: of each value: itself, or its decimal logarithm; of one that stands apart some place beside.
        low: the left end.
        high: the right end.
        logarithmic: which of both.
        breaks: places at which the axis is broken, since what lies beyond stands apart.
    """

    places: dict[float, float]
    low: float
    high: float
    logarithmic: bool
    breaks: list[float]


@dataclass(frozen=True)
class Zone:
    """A stretch of the axis, halfway to the next value, whose values lie on one side of the best."""

    side: str
    low: float
    high: float


@dataclass(frozen=True)
class Course:
    """One metric against the values.

    Attributes:
        metric: such as val/accuracy.
        means: by value; None where there is no run.
        baseline: what the line across stands for; None where there is none.
        seeds: of each seed, its runs by value; None where there is no run.
    """

    metric: str
    means: list[Difference | None]
    baseline: Difference | None
    seeds: dict[int, list[float | None]]

    @property
    def extent(self) -> tuple[float, float]:
        """All runs and means; of the intervals, which two seeds make huge, what there is room for."""
        known = [one for one in [*self.means, self.baseline] if one]
        values = [run for runs in self.seeds.values() for run in runs if run is not None]
        values += [one.mean for one in known]
        ends = [end for one in known if (edges := self.edges(one)) for end in edges]
        least, most = min(values), max(values)
        room = ROOM * (most - least) or 0.01 * max(abs(most), 1.0)
        low = max(least - room, min(ends, default=least))
        high = min(most + room, max(ends, default=most))
        return min(low, least) - room / 6, max(high, most) + room / 6

    def edges(self, of: Difference | None) -> tuple[float, float] | None:
        """The ends of an interval, if any, where an accuracy can lie; of other metrics wherever they are."""
        if of is None or of.low is None or of.high is None:
            return None
        if is_percent(self.metric) and not self.metric.startswith("gap/"):
            return max(of.low, 0.0), min(of.high, 1.0)
        return of.low, of.high


@dataclass(frozen=True)
class Sketch:
    """A response curve, and what is drawn beside it: the course of its metric and that of the gap."""

    curve: Response
    axis: Values
    zones: list[Zone]
    courses: list[Course]

    @property
    def values(self) -> list[float]:
        """Those tried, in the order of all lists of a course."""
        return [one.value for one in self.curve.points if one.value is not None]

    @property
    def places(self) -> list[float]:
        """Where they stand."""
        return [self.axis.places[value] for value in self.values]

    @property
    def word(self) -> str:
        """What is swept, in one word."""
        return self.curve.key.rpartition(".")[2]

    @property
    def below(self) -> str:
        """What stands below the axis."""
        apart = [value for value, place in self.axis.places.items() if _beyond(place, self.axis)]
        notes = ["logarithmic"] if self.axis.logarithmic else []
        notes += [f"{' and '.join(map(short, apart))} apart"] if apart else []
        return f"{self.curve.key} ({', '.join(notes)})" if notes else self.curve.key

    @property
    def off(self) -> str:
        """What the line across is."""
        base = self.curve.baseline
        known = base is not None and base.value is not None
        return f"baseline: off ({short(base.value)})" if base and known else "baseline: without it"

    @property
    def best(self) -> str:
        """The best tried, and its interval."""
        best = self.curve.best
        if best is None:
            return ""
        ends = "" if best.low is None else f" ({short(best.low)} to {short(best.high)})"
        return f"best tried: {short(best.value)}{ends}"


def sketch(curve: Response, cohort: Cohort) -> Sketch:
    """What is to be drawn of a curve.

    Args:
        curve: of these runs.
        cohort: the runs, of which each is drawn.
    """
    values = [one.value for one in curve.points if one.value is not None]
    line = axis(values, curve.off)
    base = curve.baseline
    courses = [
        Course(
            curve.metric,
            [one.score for one in curve.points],
            base.score if base else None,
            _runs(curve, cohort, curve.metric),
        ),
        Course(
            curve.gap_metric,
            [one.gap for one in curve.points],
            base.gap if base else None,
            _runs(curve, cohort, curve.gap_metric),
        ),
    ]
    return Sketch(curve, line, zones(curve, line), [one for one in courses if any(one.means)])


def _runs(curve: Response, cohort: Cohort, metric: str) -> dict[int, list[float | None]]:
    groups = {value_at(group.example.summary.config, curve.key): group for group in cohort.groups}
    columns: list[dict[int, float]] = []
    for one in curve.points:
        results = groups[one.value].results if one.value in groups else {}
        notes = {seed: note_of(results[seed], curve.at).figures for seed in one.seeds}
        columns.append({seed: known[metric] for seed, known in notes.items() if metric in known})
    return {
        seed: [column.get(seed) for column in columns] for seed in sorted({s for c in columns for s in c})
    }


def axis(values: Iterable[float], off: float | None) -> Values:
    """The axis of some values: logarithmic where all but 0 span more than a factor of 20.

    What would leave no room for the others stands apart: 0 at the left of logarithms, and an off value that
    is further than that factor from all others, at the right.
    """
    rest = sorted(set(values))
    far = rest[-1] if len(rest) > 1 and off == rest[-1] > SPAN * max(rest[-2], 0.0) > 0 else None
    near = [value for value in rest if value != far]
    positive = [value for value in near if value != 0]
    logarithmic = bool(positive) and positive[0] > 0 and positive[-1] > SPAN * positive[0]
    if logarithmic:
        places = {value: math.log10(value) for value in positive}
    else:
        places = {value: value for value in near}
    first, last = (end(places.values(), default=0.0) for end in (min, max))
    gap = (last - first) * max(APART, 1 / max(1, len(places) - 1)) or 1.0
    breaks = []
    if logarithmic and len(positive) < len(near):
        places[0.0] = first - gap
        breaks.append(first - gap / 2)
    if far is not None:
        places[far] = last + gap
        breaks.append(last + gap / 2)
    first, last = (end(places.values(), default=0.0) for end in (min, max))
    margin = MARGIN * (last - first) or 0.5
    return Values(dict(sorted(places.items())), first - margin, last + margin, logarithmic, breaks)


def _beyond(place: float, axis: Values) -> bool:
    """Whether a place lies apart: at the left of the first break, or at the right of the last."""
    middle = sum(axis.places.values()) / len(axis.places)
    return any(place < one < middle or middle < one < place for one in axis.breaks)


def zones(curve: Response, axis: Values) -> list[Zone]:
    """The sides of the best, from left to right; none where nobody can tell, as of a value that diverged."""
    sides = [(one.side, axis.places[one.value]) for one in curve.points if one.value is not None]
    found = [(side, [place for _, place in several]) for side, several in groupby(sides, lambda one: one[0])]
    made = []
    for number, (side, places) in enumerate(found):
        low = (found[number - 1][1][-1] + places[0]) / 2 if number else axis.low
        last = number == len(found) - 1
        high = axis.high if last else (places[-1] + found[number + 1][1][0]) / 2
        made += [Zone(side, low, high)] if side else []
    return made
