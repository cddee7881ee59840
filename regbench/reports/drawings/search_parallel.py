"""Every trial of an arm as a line across its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from regbench.analysis.search_findings import of_state, scored, terms_of
from regbench.analysis.searching import Arm, SearchReport, Trial, TrialState
from regbench.analysis.words import number
from regbench.reports.drawings.marks import Axis, Drawing, Note, Panel, Rule, Series
from regbench.reports.drawings.palette import GREY, MARK, PALE, Look
from regbench.reports.drawings.search_scales import NOT_THERE, Scale, describe, scales
from regbench.reports.wording import typeset

# from the best trials to the worst: viridis, by van der Walt and Smith, https://bids.github.io/colormap/
GRADES = ("#440154", "#3b528b", "#21918c", "#5ec962", "#d2c21f")
CHOSEN, PRUNED = "chosen", "pruned"
ABSENT = -0.16  # of the height of an axis: where a trial passes that does not have the value
FAINT, PLAIN, BOLD = 0.35, 0.75, 1.7  # of the weight of a line


def parallel(arm: Arm, report: SearchReport) -> Drawing | None:
    """A line for each trial across the parameters, coloured by how good it is; pruned ones are faint."""
    axes = scales(arm)
    if len(axes) < 2 or not scored(arm):
        return None
    marks: list[Rule | Series | Note] = [Rule(float(place), "x", GREY) for place in range(len(axes))]
    pruned = of_state(arm, TrialState.PRUNED)
    if pruned:
        marks.append(_lines(PRUNED, Look(PALE), pruned, axes, report, FAINT))
    ranked = list(grades(arm, report))
    for name, colour, trials in reversed(ranked):
        marks.append(_lines(name, Look(colour), trials, axes, report, PLAIN))
    if arm.chosen:
        marks.append(_lines(CHOSEN, Look(MARK), [arm.chosen], axes, report, BOLD))
    for place, axis in enumerate(axes):
        ends = axis.ticks if axis.choices else axis.ticks[:2]
        marks += [Note(float(place), _height(axis, at), typeset(name)) for at, name in ends]
        if any(axis.place(trial) is None for trial in arm.trials):
            marks.append(Note(float(place), ABSENT, NOT_THERE))
    keys = [
        *([CHOSEN] if arm.chosen else []),
        *(name for name, _, _ in ranked),
        *([PRUNED] if pruned else []),
    ]
    names = [(float(place), axis.key) for place, axis in enumerate(axes)]
    panel = Panel(
        marks,
        Axis("", -0.3, len(axes) - 0.4, ticks=names, every=True),
        Axis("", ABSENT - 0.08, 1.08, bare=True),
    )
    terms = terms_of(report)
    caption = (
        f"A line is a trial; its colour is of its {terms.title(report.objective)}, 1. are the best. "
        "Rates and strengths stand by their logarithms. A value of a member that is out passes below its "
        "axis. A click on a name switches it off and on."
    )
    note = f"colours: {terms.with_unit(report.objective)}"
    return Drawing([panel], caption, keys, note)


def _height(axis: Scale, at: float) -> float:
    return (at - axis.low) / (axis.high - axis.low or 1.0)


def grades(arm: Arm, report: SearchReport) -> Iterator[tuple[str, str, list[Trial]]]:
    """The complete trials by their scores, the best first: about as many different scores in each grade."""
    metric = report.objective
    unit = terms_of(report).unit_of(metric)
    found = scored(arm)
    values = sorted({score for _, score in found}, reverse=not report.smaller)
    count = min(len(GRADES), len(values))
    if not count:
        return
    for place, part in enumerate(np.array_split(np.array(values), count)):
        least, most = float(part.min()), float(part.max())
        ends = dict.fromkeys([number(metric, least), number(metric, most)])
        name = " ".join(filter(None, [f"{place + 1}.", " to ".join(ends), unit]))
        colour = GRADES[round(place * (len(GRADES) - 1) / max(1, count - 1))]
        yield typeset(name), colour, [trial for trial, score in found if least <= score <= most]


def _lines(
    key: str, look: Look, trials: Sequence[Trial], axes: Sequence[Scale], report: SearchReport, weight: float
) -> Series:
    """One trial after the other, with a hole between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    told: list[str] = []
    for trial in trials:
        for place, axis in enumerate(axes):
            at = axis.place(trial)
            x.append(float(place))
            y.append(ABSENT if at is None else round(_height(axis, at), 4))
            told.append(describe(trial, report, axis.key))
        x.append(None)
        y.append(None)
        told.append("")
    return Series(key, look, x, y, joined="straight", weight=weight, signs=False, told=told)
