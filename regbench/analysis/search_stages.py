"""What the winner of a search had over the tuned baseline: as it was chosen, and on fresh seeds."""

from __future__ import annotations

from dataclasses import dataclass

from regbench.analysis.report import Arm as Compared
from regbench.analysis.search_findings import less
from regbench.analysis.searching import Confirmation, Finalist, SearchReport, Setting, Trial


@dataclass(frozen=True)
class Stage:
    """Winner and baseline at one of the stages of a search.

    Attributes:
        what: the rows and the seeds.
        metric: that the figures are of.
        seeds: of each.
        winner, baseline: their means; None where they are not known.
        difference: winner less baseline.
        low, high: of its interval, where it has one.
    """

    what: str
    metric: str
    seeds: int
    winner: float | None
    baseline: float | None
    difference: float | None
    low: float | None = None
    high: float | None = None


def stages(report: SearchReport) -> list[Stage]:
    """What the winner had over the tuned baseline: in its trial, as a finalist, and on fresh seeds."""
    found = report.confirmation
    if found is None:
        return []
    sides = (found.winner, found.baseline)
    trials = [_trial(report, one) for one in sides]
    finalists = [_finalist(report, one) for one in sides]
    objective = report.objective
    seeds = max((len(one.scores) for one in finalists if one), default=0)
    scores = [one.score if one else None for one in trials]
    means = [one.mean if one else None for one in finalists]
    first = _stage("in their trials", objective, len(report.seeds), *scores)
    again = _stage("as finalists", objective, seeds, *means)
    last = Stage(
        "on fresh seeds",
        found.metric,
        len(found.seeds),
        *fresh_means(found),
        found.mean,
        found.low,
        found.high,
    )
    return [first, again, last]


def _stage(what: str, metric: str, seeds: int, winner: float | None, baseline: float | None) -> Stage:
    return Stage(what, metric, seeds, winner, baseline, less(winner, baseline))


def _trial(report: SearchReport, side: Setting) -> Trial | None:
    found = (one for arm in report.arms if arm.name == side.arm for one in arm.trials)
    return next((one for one in found if one.number == side.trial), None)


def _finalist(report: SearchReport, side: Setting) -> Finalist | None:
    found = (one for arm in report.arms if arm.name == side.arm for one in arm.finalists)
    return next((one for one in found if one.trial == side.trial), None)


def fresh_means(found: Confirmation) -> tuple[float | None, float | None]:
    """The means of winner and baseline on fresh seeds; None where the comparison does not have them."""
    comparison = found.comparison
    if comparison is None or comparison.baseline is None:
        return None, None
    base = [one for one in comparison.arms if one.name == comparison.baseline]
    others = [one for one in comparison.arms if one.name != comparison.baseline]
    if len(base) != 1 or len(others) != 1:
        return None, None
    return _figure(others[0], found.metric), _figure(base[0], found.metric)


def _figure(arm: Compared, metric: str) -> float | None:
    return arm.figures[metric].mean if metric in arm.figures else None
