"""Every chart of a search: what was promised and what is left of it, and how each arm came to its best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regbench.analysis.search_findings import Course, Importance, course, terms_of
from regbench.analysis.search_stages import stages
from regbench.analysis.searching import BASELINE as BASELINE_ARM
from regbench.analysis.searching import SearchReport
from regbench.analysis.words import number
from regbench.records.metrics import is_percent
from regbench.reports.drawings.marks import Axis, Drawing, Panel, Rule, Series
from regbench.reports.drawings.palette import ARMS, BASELINE, LINE, SYMBOLS, Look
from regbench.reports.drawings.search_arms import finalists, shown, weights
from regbench.reports.drawings.search_parallel import parallel
from regbench.reports.drawings.search_slices import slices
from regbench.reports.wording import shortened, typeset

CHOSE, JUDGED = "on select, which chose", "on rows that chose nothing"
EACH, MEAN = "each seed", "mean, 95 % interval"
THIN, STRONG = 0.7, 1.2  # of the weight of lines
ROOM = 0.3  # of the extent of the means, for bands beyond them


@dataclass(frozen=True)
class SearchChart:
    """A chart of a search.

    Attributes:
        name: as a file, and in addresses on the page.
        heading: above it; empty where it goes on from the one before.
        arm: of which it is; empty: of the whole search.
        drawing: what is drawn.
        half: whether it takes half of a page's width, beside the next one.
    """

    name: str
    heading: str
    arm: str
    drawing: Drawing
    half: bool = False


def charts(report: SearchReport, importance: Mapping[str, Importance]) -> list[SearchChart]:
    """Every chart of which there is something: of the whole search first, then arm by arm."""
    whole = (
        ("promised", "What is left of it", promised(report), True),
        ("seeds", "Each fresh seed", differences(report), True),
        ("expected", "The best after so many trials", expected(report), False),
        ("finalists", "Finalists", finalists(report), False),
    )
    made = [SearchChart(name, heading, "", drawn, half) for name, heading, drawn, half in whole if drawn]
    for arm in report.arms:
        of_arm = (
            ("importance", "Importance", weights(importance.get(arm.name))),
            ("parallel", "Every trial", parallel(arm, report)),
            ("slices", "Score by value", slices(arm, report)),
        )
        made += [SearchChart(name, heading, arm.name, drawn) for name, heading, drawn in of_arm if drawn]
    return made


def looks(report: SearchReport) -> dict[str, Look]:
    """The look of each arm; the baseline is a grey circle."""
    others = [arm.name for arm in report.arms if arm.name != BASELINE_ARM]
    made = {
        name: Look(ARMS[place % len(ARMS)], SYMBOLS[place % len(SYMBOLS)])
        for place, name in enumerate(others)
    }
    return {BASELINE_ARM: Look(BASELINE)} | made


def expected(report: SearchReport) -> Drawing | None:
    """The expected best of each arm over its trials, on one axis; None before a trial has a score."""
    metric, terms = report.objective, terms_of(report)
    found = {arm.name: course(arm, report.smaller) for arm in report.arms}
    found = {name: several for name, several in found.items() if several and several[-1].mean is not None}
    if not found:
        return None
    low, high = _window(list(found.values()), metric)
    edge = high if report.smaller else low
    lines = [_course(name, several, report, edge) for name, several in reversed(found.items())]
    most = max(map(len, found.values()))
    panel = Panel(
        lines,
        Axis("trials", 1 - 0.02 * most, 1.02 * most, whole=True),
        Axis(
            f"best {terms.with_unit(metric)}",
            low,
            high,
            bounds=(0.0, 100.0) if is_percent(metric) else None,
        ),
    )
    caption = (
        "The best score that so many trials of an arm come to: its mean over all orders of the trials that "
        "there are, and the middle 95 % of these orders (band). Where lines cross, who is ahead hangs on how "
        "much each arm was tuned. A pruned trial counts with its last score; one that failed, or has no "
        "score, is below all others."
    )
    return Drawing([panel], caption, list(found), "mean and middle 95 % over all orders of the trials")


def _course(name: str, several: Course, report: SearchReport, edge: float) -> Series:
    """An arm's line; its band ends at the edge where the worst orders have no score yet."""
    metric, unit = report.objective, terms_of(report).unit_of(report.objective)
    return Series(
        name,
        looks(report)[name],
        [float(one.n) for one in several],
        shown(metric, [one.mean for one in several]),
        joined="straight",
        weight=STRONG,
        signs=len(several) <= 2,
        low=[edge if end is None else end for end in shown(metric, [one.low for one in several])],
        high=[edge if end is None else end for end in shown(metric, [one.high for one in several])],
        ends="band",
        told=[
            typeset(
                f"{shortened(name)}, {one.n} of {len(several)} trials: {number(metric, one.mean)} {unit}\n"
                f"95 % of the orders: {number(metric, one.low)} to {number(metric, one.high)}"
            )
            for one in several
        ],
    )


def _window(courses: Sequence[Course], metric: str) -> tuple[float, float]:
    """All means; of the bands what there is room for."""
    points = [one for several in courses for one in several if one.mean is not None]
    means = [value for value in shown(metric, [one.mean for one in points]) if value is not None]
    ends = [end for one in points for end in shown(metric, [one.low, one.high]) if end is not None]
    least, most = min(means), max(means)
    room = ROOM * (most - least) or 0.01 * max(abs(most), 1.0)
    low, high = max(least - room, min(least, *ends)), min(most + room, max(most, *ends))
    return round(low - room / 6, 6), round(high + room / 6, 6)


def promised(report: SearchReport) -> Drawing | None:
    """The winner's lead over the tuned baseline at each stage of the search."""
    found = [one for one in stages(report) if one.difference is not None]
    if len(found) < 2:
        return None
    terms = terms_of(report)
    metric = found[-1].metric
    told = [
        typeset(f"{one.what}: {number(one.metric, one.difference, True)} {terms.unit_of(one.metric, True)}")
        for one in found
    ]
    x = [float(place) for place, _ in enumerate(found)]
    leads = [shown(one.metric, [one.difference])[0] for one in found]
    at_last = found[-1].metric != report.objective
    chose = len(found) - at_last
    marks: list[Rule | Series] = [
        Rule(0.0, "y", BASELINE),
        Series("", Look(BASELINE), x, leads, joined="straight", dash="dot", weight=THIN, signs=False),
        Series(CHOSE, Look(LINE, hollow=True), x[:chose], leads[:chose], told=told[:chose]),
    ]
    if at_last:
        ends = [shown(metric, [end]) for end in (found[-1].low, found[-1].high)]
        low, high = ends if None not in (ends[0][0], ends[1][0]) else ([], [])
        marks.append(
            Series(JUDGED, Look(LINE), x[-1:], leads[-1:], low=low, high=high, ends="y", told=told[-1:])
        )
    names = [(place, one.what) for place, one in zip(x, found, strict=True)]
    unit = terms.unit_of(metric, True)
    panel = Panel(
        marks,
        Axis("", -0.4, len(found) - 0.6, ticks=names, every=True),
        Axis(f"winner less tuned baseline{f' ({unit})' if unit else ''}"),
    )
    caption = (
        "The best of many trials owes a part of its lead to luck, which its own seeds and rows cannot show. "
        "Finalists are run again with other seeds; the verdict is on fresh seeds and on rows that "
        "chose nothing."
    )
    return Drawing([panel], caption, [CHOSE, *([JUDGED] if at_last else [])])


def differences(report: SearchReport) -> Drawing | None:
    """Winner less baseline by fresh seed, with the mean and its interval across."""
    found = report.confirmation
    if found is None or not found.differences:
        return None
    terms, metric = terms_of(report), found.metric
    unit = terms.unit_of(metric, True)
    places = [float(place) for place, _ in enumerate(found.seeds, 1)]
    ends = [0.5, len(places) + 0.5]
    marks: list[Rule | Series] = [Rule(0.0, "y", BASELINE)]
    if found.mean is not None:
        low, high = ([end] * 2 if end is not None else [] for end in shown(metric, [found.low, found.high]))
        whole = bool(low and high)
        marks.append(
            Series(
                MEAN if whole else "mean", Look(LINE), ends, shown(metric, [found.mean] * 2),
                joined="straight", signs=False, low=low if whole else (), high=high if whole else (),
                ends="band", told=[typeset(f"mean: {number(metric, found.mean, True)} {unit}")] * 2,
            )
        )  # fmt: skip
    told = [
        typeset(f"seed {seed}: {number(metric, one, True)} {unit}")
        for seed, one in zip(found.seeds, found.differences, strict=True)
    ]
    marks.append(Series(EACH, Look(LINE), places, shown(metric, found.differences), told=told))
    names = [(place, str(seed)) for place, seed in zip(places, found.seeds, strict=True)]
    panel = Panel(
        marks,
        Axis("fresh seed", ends[0], ends[1], ticks=names),
        Axis(f"difference in {terms.title(metric)}{f' ({unit})' if unit else ''}"),
    )
    holds = "the interval holds whenever one looks, so seeds may be added while it is looked at"
    if found.low is None:
        holds = "of so few there is no interval"
    caption = f"Winner less tuned baseline at each fresh seed, both trained anew; {holds}."
    return Drawing([panel], caption, [one.key for one in reversed(marks) if isinstance(one, Series)])
