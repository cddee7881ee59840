"""Where the stacks of a race stand, of the runs that there are.

Why a verdict of a race holds, though the race looks after every round and gives the next seeds where the
looks tell it to. What a run of a stack and a seed finds does not hang on when it is run, so think of the
endless table of all differences as drawn beforehand. The p of a stack is 1 over the most that its wealth
has been over the seeds that it has: no smaller than over the whole of its endless row, whatever the number
at which it was left. The p of a whole row is at most a with probability a at most (Ville's inequality); so
Holm over the whole rows finds a false difference in at most 5 of 100 races; and Holm over what has been
seen, of which each p is larger, rejects nothing that Holm over the whole rows does not. The p of a stack
never rises, and so nor does any adjusted one: what has been found stays found. In the same way "no
difference that matters" is said by intervals that hold the means of all stacks, at all numbers of seeds at
once, in 95 of 100 races.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from regbench.analysis.cohorts import Cohort
from regbench.analysis.comparison import baseline_of, family_of, notes_of, verdicts_of
from regbench.analysis.question import Question
from regbench.analysis.report import ALPHA, Verdict
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.stats.confidence import confidence_sequence
from regbench.stats.racing import Rule
from regbench.stats.sequential import wealth


@dataclass(frozen=True)
class Standing:
    """What the runs of one stack say.

    Attributes:
        differences: to the baseline, in the order of the seeds; at least one.
        mean: of these.
        low, high: the confidence sequence that holds the means of all stacks at once; None: the whole line.
        wealth: the most that a gambler against "no difference" has held, who began with 1.
        verdict: what `compare` says.
    """

    differences: list[float]
    mean: float
    low: float | None
    high: float | None
    wealth: float
    verdict: Verdict


@dataclass(frozen=True)
class Place:
    """Where one stack of a race is.

    Attributes:
        name: of the stack.
        seeds: of how many its runs have been asked for.
        standing: what its runs say; None of the baseline, and before a pair has ended.
        out: why it gets no more seeds, though it is not decided; else empty.
        is_baseline: whether the others are compared with it.
    """

    name: str
    seeds: int
    standing: Standing | None
    out: str = ""
    is_baseline: bool = False

    @property
    def decided(self) -> bool:
        """Whether there is a verdict, so that it gets no more seeds."""
        return self.standing is not None and self.standing.verdict.word != NOT_RESOLVED

    @property
    def state(self) -> str:
        """In a word."""
        if self.is_baseline:
            return "baseline"
        return (self.standing.verdict.word if self.standing and self.decided else self.out) or "open"


def standings(cohort: Cohort, question: Question) -> dict[str, Standing]:
    """Of every stack with a pair, by the name of its group; none before the baseline has run."""
    taken = notes_of(cohort, question.at)
    family = family_of(taken, baseline_of(cohort, question), question.metric)
    verdicts = verdicts_of(cohort, family, question)
    return {name: _standing(values, verdicts[name], len(family)) for name, values in family.items() if values}


def _standing(values: Sequence[float], verdict: Verdict, techniques: int) -> Standing:
    interval = confidence_sequence(values, ALPHA / techniques)
    low, high = (interval.low, interval.high) if interval else (None, None)
    most = max(1.0, float(wealth(values).max()))
    return Standing(list(values), float(np.mean(values)), low, high, most, verdict)


def rule_of(found: Iterable[Standing], techniques: int, question: Question) -> Rule:
    """What decides the next stack of a race.

    Args:
        found: of the stacks that have one.
        techniques: how many there are beside the baseline.
        question: what is asked.
    """
    resolved = sum((one.verdict.p_adjusted or 0) <= ALPHA for one in found)
    return Rule(techniques, resolved, question.margin, ALPHA)
