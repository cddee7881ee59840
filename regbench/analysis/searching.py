"""What a search has found: its arms with their trials, the finalists, the verdict on fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from regbench.analysis.report import Comparison

BASELINE = "baseline"  # the arm without members
EPOCHS = "train.epochs"


class TrialState(StrEnum):
    """What became of a trial."""

    OPEN = "open"  # asked for, and not ended yet
    COMPLETE = "complete"
    PRUNED = "pruned"  # stopped as others were better, or impossible, or diverged: its reason says which
    FAILED = "failed"


class Outcome(StrEnum):
    """How a search ended."""

    OPEN = "open"  # not yet: trials, finalists or seeds are left to run
    SURVIVES = "survives"  # on fresh seeds the winner is better than the tuned baseline
    NOTHING = "nothing"  # nothing was found that survives


@dataclass(frozen=True)
class Parameter:
    """What a search sets.

    Attributes:
        key: `train.lr`, `reg.dropout.p`; `use.dropout` says whether the member is in.
        domain: the values, in words.
        low, high: of numbers.
        log: whether a factor counts as a step.
        choices: of a choice, as they are typed.
        candidate: of which it is a value, so that only trials with that have it; None of all trials.
    """

    key: str
    domain: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: Sequence[str] = ()
    candidate: str | None = None

    @property
    def numbers(self) -> list[float]:
        """The ends of a range, or all values of a choice of numbers."""
        if self.low is not None and self.high is not None:
            return [self.low, self.high]
        return [float(one) for one in self.choices]


def epochs_of(values: Mapping[str, Any], usual: int) -> int:
    """Of a run that is not pruned, where a trial has these values: they may be searched as well."""
    return int(float(values.get(EPOCHS, usual)))


@dataclass(frozen=True)
class Trial:
    """One try of an arm.

    Attributes:
        number: in its arm, from 0.
        state: what became of it.
        members: the candidates that are in.
        values: of the parameters that it has, by key.
        words: of a command line that make it.
        score: the metric of select, mean over its seeds; None unless it is complete.
        loss: of select, likewise; decides between equal scores.
        steps: the metric of select after each epoch that was evaluated, mean over its seeds.
        epochs: that its runs trained in all.
        seconds: that they took.
        reason: why it is not complete.
        jobs: names of the run folders.
        noted: what the pruner keeps of it, for trials that come later.
    """

    number: int
    state: TrialState
    members: list[str]
    values: dict[str, Any]
    words: list[str]
    score: float | None = None
    loss: float | None = None
    steps: dict[int, float] = field(default_factory=dict)
    epochs: int = 0
    seconds: float = 0.0
    reason: str = ""
    jobs: list[str] = field(default_factory=list)
    noted: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finalist:
    """One of the best trials of an arm, run again with seeds that the trials have not seen.

    Attributes:
        trial: its number.
        scores: the metric of select by seed.
        mean: of these; None where one has not finished.
        sd: of these.
        loss: of select, mean.
        chosen: whether it is the arm's.
        reason: why it has no mean.
    """

    trial: int
    scores: dict[int, float]
    mean: float | None
    sd: float | None
    loss: float | None
    chosen: bool
    reason: str = ""


@dataclass(frozen=True)
class Arm:
    """One of the things that are tuned; the first of a search is the baseline.

    Attributes:
        name: `BASELINE`, or its candidates.
        candidates: that may be in; none of the baseline.
        parameters: that are set, the switches of the candidates among them.
        budget: how many trials it gets; None where time alone limits them.
        trials: in order.
        finalists: the best of these, the best first; none before they were run.
    """

    name: str
    candidates: list[str]
    parameters: list[Parameter]
    budget: int | None
    trials: list[Trial]
    finalists: list[Finalist] = field(default_factory=list)

    @property
    def chosen(self) -> Trial | None:
        """The finalist that was chosen."""
        numbers = {one.number: one for one in self.trials}
        return next((numbers[one.trial] for one in self.finalists if one.chosen), None)


@dataclass(frozen=True)
class Setting:
    """One side of the comparison on fresh seeds.

    Attributes:
        arm: its name.
        trial: its number there.
        stack: its members, as one name.
        words: of a command line that make it, but for the seed.
        folders: of its runs, by seed.
    """

    arm: str
    trial: int
    stack: str
    words: list[str]
    folders: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Confirmation:
    """The winner against the tuned baseline, on fresh seeds and on rows that chose nothing.

    Attributes:
        metric: of val.
        at: last or best, the snapshot.
        winner: of the search.
        baseline: tuned likewise.
        seeds: of which both have finished.
        differences: winner less baseline, in their order, in the metric's plain unit.
        mean: of these; None before there is one.
        low, high: of the confidence sequence at 95 %; None: the whole line.
        p: of the test that may be looked at after every seed.
        word: of the verdict, as `compare` says it; empty before there is one.
        over: why no more seeds were run; empty where some are left to run.
        comparison: the whole comparison of both, with costs, gaps and curves.
    """

    metric: str
    at: str
    winner: Setting
    baseline: Setting
    seeds: list[int] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    word: str = ""
    over: str = ""
    comparison: Comparison | None = None


@dataclass(frozen=True)
class SearchReport:
    """All that a search has found.

    Attributes:
        regbench: the version.
        name: of the study.
        folder: where it lives.
        line: what was typed, to go on or to see this again.
        dataset, model: the options, as they are called.
        objective: the metric of select.
        smaller: whether less of it is better.
        seeds: of every trial.
        epochs: of a run that is not pruned; where they are searched, of the longest.
        sampler, pruner: as they are called.
        fixed: what is tuned elsewhere and here was given, in words.
        arms: the baseline first.
        confirmation: None before finalists were chosen.
        outcome: how it ended.
        said: the outcome in a sentence or two.
        spent: jobs, epochs and time, in words.
        storage: where Optuna's own record is.
        is_read: whether the test split has been read for it.
    """

    regbench: str
    name: str
    folder: str
    line: str
    dataset: str
    model: str
    objective: str
    smaller: bool
    seeds: list[int]
    epochs: int
    sampler: str
    pruner: str
    fixed: list[str]
    arms: list[Arm]
    confirmation: Confirmation | None
    outcome: Outcome
    said: str
    spent: str
    storage: str
    is_read: bool = False

    @property
    def least_epochs(self) -> int:
        """Of the shortest run that is not pruned; `epochs`, unless they are searched."""
        asked = [one for arm in self.arms for one in arm.parameters if one.key == EPOCHS]
        return min((int(min(one.numbers)) for one in asked), default=self.epochs)

    def planned(self, arm: Arm) -> int:
        """The epochs that the trials of an arm which have ended would have trained without pruning."""
        ended = (one for one in arm.trials if one.state != TrialState.OPEN)
        return sum(epochs_of(one.values, self.epochs) for one in ended) * max(1, len(self.seeds))
