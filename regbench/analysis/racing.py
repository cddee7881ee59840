"""Where the arms of a race stand, of the runs that there are.

Why a verdict of a race holds though the race looks after every round, and gives the next seeds where the looks
tell it to. What a run of a stack and a seed finds does not hang on when it is run, so think of the whole endless
table of differences as drawn beforehand. An arm's p is 1 over the most that its wealth has been over the seeds
that it has: no smaller than over its whole endless row, whatever the number at which it was left. The p of the
whole row is at most a with probability a (Ville's inequality); so Holm over the whole rows makes a false verdict
in at most 5 of 100 races; and Holm over what has been seen, of which each p is larger, rejects nothing that Holm
over the whole rows does not. The p of an arm never rises, so nor does any adjusted one: what is decided stays so.
In the same way "no difference that matters" is said of an interval that holds all arms' means, at all numbers of
seeds at once, in 95 of 100 races.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regbench.analysis.cohorts import Cohort
from regbench.analysis.comparison import baseline_of, family_of, notes_of, verdicts_of
from regbench.analysis.question import Question
from regbench.analysis.report import ALPHA, Verdict
from regbench.stats.racing import Rule
from regbench.stats.sequential import confidence_sequence, wealth

DECIDED = ("better", "worse", "no difference that matters")


@dataclass(frozen=True)
class Standing:
    """Where one arm of a race stands.

    Attributes:
        name: of the stack.
        differences: to the baseline, in the order of the seeds.
        mean: of these; None where there is none.
        low, high: the confidence sequence's interval; None where it is the whole line.
        wealth: the most that a gambler against "no difference" has held, who began with 1.
        verdict: what `compare` says of it.
        diverged: seeds of which a run diverged.
    """

    name: str
    differences: list[float]
    mean: float | None
    low: float | None
    high: float | None
    wealth: float
    verdict: Verdict
    diverged: list[int]

    @property
    def decided(self) -> bool:
        """Whether more seeds would change nothing."""
        return self.verdict.word in DECIDED


def standings(cohort: Cohort, question: Question) -> list[Standing]:
    """Every arm of a race but the baseline, in the order of the cohort; none before the baseline has run."""
    taken = notes_of(cohort, question.at)
    baseline = baseline_of(cohort, question)
    family = family_of(taken, baseline, question.metric)
    verdicts = verdicts_of(cohort, family, question)
    diverged = {group.name: sorted(group.diverged) for group in cohort.groups}
    return [
        _standing(name, values, verdicts[name], diverged[name], len(family))
        for name, values in family.items()
    ]


def _standing(
    name: str, values: Sequence[float], verdict: Verdict, diverged: list[int], techniques: int
) -> Standing:
    interval = confidence_sequence(values, ALPHA / techniques) if len(values) else None
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Standing(
        name=name,
        differences=list(values),
        mean=float(np.mean(values)) if len(values) else None,
        low=low,
        high=high,
        wealth=max(1.0, float(wealth(values).max())) if len(values) else 1.0,
        verdict=verdict,
        diverged=diverged,
    )


def rule_of(found: Mapping[str, Verdict], techniques: int, margin: float | None) -> Rule:
    """What decides the next arm."""
    resolved = sum(verdict.word in ("better", "worse") for verdict in found.values())
    return Rule(techniques, resolved, margin, ALPHA)
