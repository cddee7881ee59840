"""A response curve as a drawing: the metric above, the gap below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from regbench.analysis.report import Difference
from regbench.analysis.response import Point
from regbench.analysis.words import number, probability
from regbench.reports.drawings.marks import Axis, Drawing, Mark, Panel, Rule, Series, Span
from regbench.reports.drawings.palette import BASELINE, GREY, LINE, MARK, OTHER_SIDE, SIDES, Look
from regbench.reports.drawings.sketch import Course, Sketch
from regbench.reports.response_text import short
from regbench.reports.wording import effect, scaled, shortened, typeset

GAP_HEIGHT = 0.56  # of the panel of the gap, beside that of the metric
THIN, BOLD = 0.4, 1.4  # of the lines of seeds, and of the sign of the best
MEANS = ("mean, 95 % interval", "mean")  # with several seeds, and with one
SEEDS = "each seed"


def response(sketch: Sketch) -> Drawing | None:
    """Means with bands, each seed, the baseline across, the sides of the best; None without a run."""
    if not sketch.courses:
        return None
    panels = [_panel(sketch, course, place) for place, course in enumerate(sketch.courses)]
    keys = dict.fromkeys(mark.key for panel in panels for mark in panel.marks if isinstance(mark, Series))
    order = (sketch.best, *MEANS, SEEDS, sketch.off)
    return Drawing(panels, keys=[key for key in order if key in keys], stacked=True)


def _panel(sketch: Sketch, course: Course, place: int) -> Panel:
    below = place == len(sketch.courses) - 1
    best = sketch.curve.best
    marks: list[Mark] = [
        Span(one.low, one.high, tint, above="" if place else one.side, ink=ink)
        for one in sketch.zones
        for tint, ink in [SIDES.get(one.side, OTHER_SIDE)]
    ]
    if best is not None:
        marks.append(Rule(sketch.axis.places[best.value], "x", MARK, "dot"))
    if len(course.seeds) > 1:
        marks.append(_seeds(sketch, course))
    if course.baseline is not None:
        marks.append(_baseline(sketch, course, course.baseline))
    marks.append(_means(sketch, course))
    if best is not None:
        marks += _best(sketch, course, best.value)
    low, high = scaled(course.metric, course.extent)
    difference = course.metric.startswith("gap/")
    return Panel(
        marks,
        Axis(
            sketch.below if below else "",
            sketch.axis.low,
            sketch.axis.high,
            ticks=_ticks(sketch),
            breaks=sketch.axis.breaks,
        ),
        Axis(sketch.curve.terms.with_unit(course.metric, difference), low, high),
        height=GAP_HEIGHT if place else 1.0,
    )


def _ticks(sketch: Sketch) -> list[tuple[float, str]]:
    """The best and both ends before others."""
    best, values = sketch.curve.best, sketch.values
    wanted = dict.fromkeys([*([best.value] if best else []), *values[:1], *values[-1:], *values])
    return [(sketch.axis.places[value], typeset(short(value))) for value in wanted]


def _shown(course: Course, values: Iterable[float | None]) -> list[float | None]:
    """Values of a course as they are shown."""
    return [None if value is None else scaled(course.metric, [value])[0] for value in values]


def _seeds(sketch: Sketch, course: Course) -> Series:
    """One line after the other, with a hole between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    told: list[str] = []
    for seed, runs in course.seeds.items():
        x += [*sketch.places, None]
        y += [*_shown(course, runs), None]
        told += [
            typeset(f"seed {seed}, {shortened(sketch.word)} {short(value)}: {number(course.metric, run)} ")
            + sketch.curve.terms.unit_of(course.metric)
            for value, run in zip(sketch.values, runs, strict=True)
        ]
        told.append("")
    return Series(SEEDS, Look(GREY), x, y, joined="straight", weight=THIN, told=told)


def _baseline(sketch: Sketch, course: Course, known: Difference) -> Series:
    ends = [sketch.axis.low, sketch.axis.high]
    low, high = _band(course, [known, known])
    said = f"{sketch.off}: {typeset(number(course.metric, known.mean))}"
    return Series(
        sketch.off,
        Look(BASELINE),
        ends,
        scaled(course.metric, [known.mean] * 2),
        joined="straight",
        dash="dash",
        signs=False,
        low=low,
        high=high,
        ends="band",
        told=[said, said],
    )


def _band(course: Course, of: Sequence[Difference | None]) -> tuple[list[float | None], list[float | None]]:
    edges = [course.edges(one) for one in of]
    low, high = ([None if one is None else one[end] for one in edges] for end in (0, 1))
    return _shown(course, low), _shown(course, high)


def _means(sketch: Sketch, course: Course) -> Series:
    low, high = _band(course, course.means)
    points = sketch.curve.points
    several = any(map(course.edges, (one for known in sketch.courses for one in known.means)))
    return Series(
        MEANS[not several],
        Look(LINE),
        sketch.places,
        _shown(course, [one.mean if one else None for one in course.means]),
        joined="straight",
        hollow=[bool(one.diverged) for one in points],
        low=low,
        high=high,
        ends="band",
        told=[_told(sketch, course, place, one) for place, one in enumerate(points)],
    )


def _told(sketch: Sketch, course: Course, place: int, point: Point) -> str:
    """What a mean says when it is pointed at."""
    known, metric = course.means[place], course.metric
    if known is None:
        return ""
    terms = sketch.curve.terms
    measure = terms.unit_of(metric, metric.startswith("gap/"))
    words = [
        f"{shortened(sketch.word)} {short(point.value)}: "
        f"{terms.title(metric)} {number(metric, known.mean)} {measure}"
    ]
    if known.low is not None and known.high is not None:
        ends = f"{number(metric, known.low)} to {number(metric, known.high)}"
        words.append(f"95 % interval {ends}, {known.n} seeds")
    if metric == sketch.curve.metric and point.difference and point.verdict:
        p = probability(point.verdict.p_adjusted)
        words.append(f"{effect(metric, point.difference, terms)} to the baseline, adjusted p {p}")
        words.append(point.verdict.word)
    return typeset("\n".join(words))


def _best(sketch: Sketch, course: Course, best: float) -> list[Series]:
    known = course.means[sketch.values.index(best)]
    if known is None:
        return []
    look, place = Look(MARK, "diamond"), sketch.axis.places[best]
    return [Series(sketch.best, look, [place], scaled(course.metric, [known.mean]), weight=BOLD)]
