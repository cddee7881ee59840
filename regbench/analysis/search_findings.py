"""What the trials of a search say beside its verdict: how far arms came, what mattered, what was promised.

All of it describes the trials that there are, which were proposed where others had done well. None of it is
a test.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from regbench.analysis.searching import Arm, SearchReport, Trial, TrialState
from regbench.records.metrics import Terms, metric_of
from regbench.stats.expected_best import Best, expected_best

SWITCH = "use."  # begins the key that says whether a candidate is in
Course = Sequence[Best]  # after each number of trials
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED)
ASKED = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # numbers of trials that a table shows


@dataclass(frozen=True)
class Importance:
    """How much of the spread of the scores of an arm's complete trials each of its parameters explains.

    Attributes:
        shares: by key, the largest first; they add up to 1. Empty where there is a reason.
        trials: that it is from.
        reason: why there are no shares; else empty.
    """

    shares: dict[str, float] = field(default_factory=dict)
    trials: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Middle:
    """Scores of several trials: how many, their mean and their median; None of no trial.

    A trial that learned nothing, at a rate too high, drags a mean far and a median hardly.
    """

    trials: int
    mean: float | None
    median: float | None


@dataclass(frozen=True)
class Contrast:
    """The scores of complete trials with and without a candidate."""

    candidate: str
    within: Middle
    without: Middle

    @property
    def difference(self) -> float | None:
        """Of the means, with less without; None where one of both is missing."""
        return less(self.within.mean, self.without.mean)

    @property
    def median_difference(self) -> float | None:
        """Likewise of the medians."""
        return less(self.within.median, self.without.median)


def less(one: float | None, other: float | None) -> float | None:
    """The difference; None where one of both is missing."""
    return None if one is None or other is None else one - other


@dataclass(frozen=True)
class Spent:
    """How an arm's trials ended, and the epochs that they trained of those that all of them would have."""

    states: dict[TrialState, int]
    epochs: int
    all_epochs: int


def terms_of(report: SearchReport) -> Terms:
    """What is predicted: as the comparison on fresh seeds has it, before that by the objective."""
    if report.confirmation and report.confirmation.comparison:
        return report.confirmation.comparison.terms
    metric = metric_of(report.objective)
    return Terms(metric.task) if metric else Terms()


def of_state(arm: Arm, *states: TrialState) -> list[Trial]:
    """The trials of an arm that ended so."""
    return [one for one in arm.trials if one.state in states]


def scored(arm: Arm) -> list[tuple[Trial, float]]:
    """The complete trials with their scores."""
    return [
        (one, one.score)
        for one in arm.trials
        if one.state == TrialState.COMPLETE and one.score is not None and math.isfinite(one.score)
    ]


def best_of(arm: Arm, smaller: bool) -> tuple[Trial, float] | None:
    """The complete trial of the best score, of equal ones that of the least loss, then the first."""

    def rank(one: tuple[Trial, float]) -> tuple[float, float, int]:
        trial, score = one
        loss = float("inf") if trial.loss is None else trial.loss
        return (score if smaller else -score, loss, trial.number)

    return min(scored(arm), key=rank, default=None)


def last_score(trial: Trial) -> float | None:
    """What a trial came to: its score, of one that was pruned the last that was measured.

    None of others, and where it is no finite number.
    """
    found = trial.score if trial.state == TrialState.COMPLETE else None
    if trial.state == TrialState.PRUNED and trial.steps:
        found = trial.steps[max(trial.steps)]
    return found if found is not None and math.isfinite(found) else None


def course(arm: Arm, smaller: bool) -> Course:
    """The expected best after each number of trials; one that failed counts, and came to nothing."""
    return expected_best([last_score(one) for one in of_state(arm, *ENDED)], smaller)


def shown_counts(courses: Mapping[str, Course]) -> list[int]:
    """The numbers of trials for which a table has columns: some round ones, and the ends of all courses."""
    most = max((len(one) for one in courses.values()), default=0)
    ends = {len(one) for one in courses.values() if one}
    return sorted({n for n in ASKED if n <= most} | ends)


def spent(arm: Arm, report: SearchReport) -> Spent:
    """What an arm's trials took. Those that are not ended count for neither number of epochs."""
    ended = of_state(arm, *ENDED)
    states = dict(Counter(one.state for one in arm.trials))
    return Spent(states, sum(one.epochs for one in ended), report.planned(arm))


def contrasts(arm: Arm) -> list[Contrast]:
    """Each candidate that may be in: the complete trials with it beside those without."""
    found = scored(arm)
    return [
        Contrast(
            name,
            _middle([score for trial, score in found if name in trial.members]),
            _middle([score for trial, score in found if name not in trial.members]),
        )
        for name in arm.candidates
    ]


def _middle(scores: Sequence[float]) -> Middle:
    return Middle(len(scores), fmean(scores), median(scores)) if scores else Middle(0, None, None)


def typed(value: Any) -> str:
    """A value as a command line has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
