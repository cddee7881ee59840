"""What the runs of a trial have reached on select, and what a pruner is told of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress

from regbench.analysis.searching import Trial, TrialState, epochs_of
from regbench.errors import ConfigError, printable
from regbench.folders.state import State, state_of
from regbench.records.course import Epoch, read_lines
from regbench.records.files import METRICS, undamaged
from regbench.records.metrics import Terms, on_select, smaller_is_better
from regbench.records.summary import Summary
from regbench.runs.work import REFUSED, Outcome
from regbench.studies.searching.optuna_trials import value_of
from regbench.studies.searching.pruning import Past, Pruning
from regbench.sweeps.estimate import Costs
from regbench.sweeps.jobs import Job
from regbench.sweeps.members import LATE
from regbench.types import Record

LOSS = "select/loss"
OTHER = Past({}, None)  # a trial that is nothing to the pruner but a number


def require_chosen_by(metric: str, terms: Terms) -> None:
    """Refuse a metric of val that has no like of select, before anything is run.

    Args:
        metric: that the verdict is to be on.
        terms: of what is predicted.

    Raises:
        ConfigError: it is none of val, or none that is measured of select, by which trials are chosen.
    """
    known = [name.replace("select/", "val/", 1) for name in on_select(terms.task)]
    if metric not in known:
        raise ConfigError(
            f"--metric: must be a figure of val whose like of select chooses, one of {', '.join(known)}, got "
            f"{printable(metric)}"
        )


class Judge:
    """Scores trials by one metric of select.

    Args:
        objective: the metric.
        at: last or best, the snapshot.
        pruner: one of `PRUNERS`.

    Attributes:
        smaller: whether less of it is better.
    """

    def __init__(self, objective: str, at: str, pruner: str) -> None:
        self.objective, self.at, self._pruner = objective, at, pruner
        self.smaller = smaller_is_better(objective)
        self._longest: dict[str, float] = {}  # seconds that runs took, by the members
        self._costs: dict[str, Costs] = {}

    def trial(
        self, asked: Trial, jobs: Sequence[Job], outcomes: Mapping[str, Outcome], past: Sequence[Trial]
    ) -> Trial:
        """What came of a trial.

        Args:
            asked: the trial.
            jobs: its runs.
            outcomes: of those that were tried, by name.
            past: the arm's trials of earlier rounds.
        """
        summaries = {job.name: undamaged(job.folder) for job in jobs}
        courses = [_course(job) for job in jobs]
        state, reason = self._state(jobs, summaries, outcomes)
        done = [one for one in summaries.values() if one]
        figures = [self._figures(one) for one in done] if state is TrialState.COMPLETE else []
        scores = [score for score, _ in figures if score is not None]
        if state is TrialState.COMPLETE and len(scores) < len(jobs):
            raise ConfigError(f"search: --metric: no run has measured {self.objective}")
        losses = [loss for _, loss in figures if loss is not None]
        for job in jobs:
            self._learn(job)
        watch = self.watch(past, jobs[0], asked.number)
        return Trial(
            asked.number,
            state,
            asked.members,
            asked.values,
            asked.words,
            statistics.fmean(scores) if scores else None,
            statistics.fmean(losses) if losses else None,
            self._steps(courses),
            sum(len(course) for course in courses),
            sum(one.seconds for one in done),
            reason,
            asked.jobs,
            watch.noted([Record(one.epoch, one.metrics) for one in courses[0]]) if watch else {},
        )

    def _state(
        self,
        jobs: Sequence[Job],
        summaries: Mapping[str, Summary | None],
        outcomes: Mapping[str, Outcome],
    ) -> tuple[TrialState, str]:
        """Of all its runs the worst, and why."""
        found, why = TrialState.COMPLETE, ""
        for job in jobs:
            state, summary = state_of(job.folder), summaries[job.name]
            if state.finished:
                continue
            outcome = outcomes.get(job.name)
            if state in (State.PRUNED, State.DIVERGED):
                said = summary.reason if summary else ""
                return TrialState.PRUNED, said if state is State.PRUNED else f"diverged: {said}".rstrip(": ")
            if state is State.FAILED:
                found, why = TrialState.FAILED, (summary.reason if summary else "") or "its run has failed"
            elif outcome is not None and outcome.status == REFUSED:
                return TrialState.PRUNED, outcome.reason
            elif outcome is not None and outcome.status != LATE:
                found, why = TrialState.FAILED, outcome.reason or "its run has not come to its end"
            elif found is TrialState.COMPLETE:
                found, why = TrialState.OPEN, "there was no time left for it"
        return found, why

    def _figures(self, summary: Summary) -> tuple[float | None, float | None]:
        metrics = summary.at(self.at).metrics
        return metrics.get(self.objective), metrics.get(LOSS)

    def score(self, job: Job) -> tuple[float, float | None] | None:
        """What a run has reached, and its loss; None where it has not finished."""
        self._learn(job)
        summary = undamaged(job.folder)
        if summary is None or not summary.status.finished:
            return None
        score, loss = self._figures(summary)
        return None if score is None else (score, loss)

    def _steps(self, courses: Sequence[Sequence[Epoch]]) -> dict[int, float]:
        """The score after each epoch that all of its runs have, their mean."""
        found = [
            {one.epoch: one.metrics[self.objective] for one in course if self.objective in one.metrics}
            for course in courses
        ]
        epochs = sorted(set.intersection(*map(set, found))) if found else []
        return {epoch: statistics.fmean(one[epoch] for one in found) for epoch in epochs}

    def watch(self, past: Sequence[Trial], job: Job, number: int) -> Pruning | None:
        """What prunes a run of a trial, given the arm's trials of earlier rounds; None where nothing does.

        Of these only trials of as many epochs tell: after the same epoch a shorter run is further along its
        schedule of rates, and would look better than a longer one that ends above it.
        """
        if self._pruner == "none":
            return None
        epochs = job.config["train"]["epochs"]
        known = tuple(
            Past(one.steps, value_of(one, self.smaller), one.noted)
            if epochs_of(one.values, epochs) == epochs
            else OTHER
            for one in past
        )
        return Pruning(self._pruner, epochs, self.objective, self.smaller, known, number)

    def taken(self, job: Job) -> float:
        """Seconds that a run took that has ended; 0 of others."""
        summary = undamaged(job.folder)
        return summary.seconds if summary and summary.status.ended else 0.0

    def seconds(self, job: Job) -> float:
        """That a run is expected to take: the most that one of the same members took, else a guess."""
        self._learn(job)
        members = "+".join(job.config["reg"])
        if members in self._longest:
            return self._longest[members]
        root = str(job.folder.parent)
        if root not in self._costs:
            self._costs[root] = Costs([job])
        with suppress(ConfigError):  # which its trial says, once it is run
            return self._costs[root].of(job).seconds
        return 0.0

    def _learn(self, job: Job) -> None:
        summary = undamaged(job.folder)
        if summary and summary.status.finished:
            members = "+".join(job.config["reg"])
            self._longest[members] = max(summary.seconds, self._longest.get(members, 0.0))


def _course(job: Job) -> list[Epoch]:
    try:
        return read_lines(job.folder / METRICS)[0]
    except (OSError, ValueError):  # it has none, or what is there was cut off
        return []
