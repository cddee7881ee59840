"""The scores of an arm's trials over each of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from regbench.analysis.search_findings import last_score, of_state, scored, terms_of
from regbench.analysis.searching import Arm, SearchReport, Trial, TrialState
from regbench.analysis.words import number
from regbench.reports.drawings.marks import Axis, Drawing, Panel, Series
from regbench.reports.drawings.palette import GREY, INK, LINE, MARK, Look
from regbench.reports.drawings.search_arms import shown
from regbench.reports.drawings.search_scales import Scale, describe, scales
from regbench.reports.wording import scaled, typeset

CHOSEN, PRUNED, COMPLETE, EDGE, MEDIAN = "chosen", "pruned", "complete", "worse than the axis shows", "median"
SMALL, STRONG = 0.7, 1.1  # of a sign
SPREAD = (
    3.0  # of the middle half of the scores, by which worse ones may lie off before they stand at the edge
)
WOBBLE = 0.22  # of the distance of two choices, by which trials of the same choice stand apart


def slices(arm: Arm, report: SearchReport) -> Drawing | None:
    """The scores over each parameter; of switches and choices with the median of each."""
    axes = scales(arm)
    if not axes or not scored(arm):
        return None
    low, high = _range(arm, report)
    title = terms_of(report).with_unit(report.objective)
    least, most = scaled(report.objective, [low, high])
    y = Axis(title, least, most)
    panels = [
        Panel(_points(arm, axis, report, (low, high)), _below(axis), y, title=axis.key) for axis in axes
    ]
    there = {mark.key for panel in panels for mark in panel.marks if isinstance(mark, Series)}
    keys = [key for key in (CHOSEN, COMPLETE, MEDIAN, PRUNED, EDGE) if key in there]
    caption = (
        f"{title[:1].upper()}{title[1:]} of each trial over each value. Values were proposed where others "
        "had done well, and several differ at a time: this shows where was looked, and what was found there, "
        "no effect of one value. Triangles at the edge are trials that are worse than the axis shows."
    )
    return Drawing(panels, caption, keys, gathered=True)


def _below(axis: Scale) -> Axis:
    room = 0.05 * (axis.high - axis.low) if not axis.choices else 0.5
    return Axis("", axis.low - room, axis.high + room, ticks=[(at, typeset(name)) for at, name in axis.ticks])


def _range(arm: Arm, report: SearchReport) -> tuple[float, float]:
    """From the best of the scores to the worst, unless few of these lie far off."""
    sign = -1.0 if report.smaller else 1.0
    values = np.array([sign * score for _, score in scored(arm)])
    lower, upper = np.quantile(values, [0.25, 0.75])
    most = float(values.max())
    least = max(float(values.min()), float(lower) - SPREAD * (float(upper - lower) or abs(most) * 0.01))
    room = 0.08 * (most - least) or 0.01 * max(abs(most), 1.0)
    ends = sorted((sign * (least - room), sign * (most + room)))
    return ends[0], ends[1]


def _points(arm: Arm, axis: Scale, report: SearchReport, ends: tuple[float, float]) -> list[Series]:
    complete = [trial for trial, _ in scored(arm)]
    pruned = of_state(arm, TrialState.PRUNED)
    best, worst = ends if report.smaller else ends[::-1]
    inside = worst + 0.03 * (best - worst)
    off = [one for one in [*pruned, *complete] if _is_off(one, report, worst)]
    groups = (
        (PRUNED, Look(GREY, hollow=True), SMALL, [one for one in pruned if one not in off]),
        (EDGE, Look(GREY, "triangle-up" if report.smaller else "triangle-down"), SMALL, off),
        (COMPLETE, Look(LINE), SMALL, [one for one in complete if one not in off]),
        (CHOSEN, Look(MARK, "diamond"), STRONG, [arm.chosen] if arm.chosen else []),
    )
    made = [
        _cloud(key, look, weight, [one for one in some if axis.place(one) is not None], axis, report, inside)
        for key, look, weight, some in groups
    ]
    made = [one for one in made if one.x]
    return [*_medians(arm, axis, report), *made] if axis.choices else made


def _is_off(trial: Trial, report: SearchReport, worst: float) -> bool:
    score = last_score(trial)
    return score is not None and (score > worst if report.smaller else score < worst)


def _cloud(
    key: str,
    look: Look,
    weight: float,
    trials: Sequence[Trial],
    axis: Scale,
    report: SearchReport,
    inside: float,
) -> Series:
    known = [(trial, score) for trial in trials if (score := last_score(trial)) is not None]
    x = [_placed(axis, trial) for trial, _ in known]
    y = [inside if key == EDGE else score for _, score in known]
    told = [describe(trial, report, axis.key) for trial, _ in known]
    return Series(key, look, x, shown(report.objective, y), weight=weight, told=told)


def _placed(axis: Scale, trial: Trial) -> float | None:
    """Where a trial stands; trials of one choice beside each other, always alike."""
    at = axis.place(trial)
    if at is None or not axis.choices:
        return at
    return round(at + WOBBLE * (2 * ((trial.number * 0.618034) % 1) - 1), 4)  # the golden ratio fills evenly


def _medians(arm: Arm, axis: Scale, report: SearchReport) -> list[Series]:
    """A short line for each choice, at the median of its complete trials."""
    x: list[float | None] = []
    y: list[float | None] = []
    told: list[str] = []
    for at, name in axis.ticks:
        scores = [score for trial, score in scored(arm) if axis.place(trial) == at]
        if scores:
            middle = median(scores)
            said = typeset(f"{axis.key} {name}: median {number(report.objective, middle)} of {len(scores)}")
            x += [at - 0.35, at + 0.35, None]
            y += [*shown(report.objective, [middle, middle]), None]
            told += [said, said, ""]
    line = Series(MEDIAN, Look(INK), x, y, joined="straight", signs=False, told=told)
    return [line] if x else []
