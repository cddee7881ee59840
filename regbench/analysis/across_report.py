"""What has been found over several conditions: plain values, from which every output is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regbench.analysis.conditions import Condition
from regbench.analysis.ranking import Ranking
from regbench.analysis.report import Difference, Verdict
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED
from regbench.records.metrics import Terms
from regbench.stats.aggregate import Middle

WORDS = ("better", "worse", NO_MATTER, NOT_RESOLVED)


@dataclass(frozen=True)
class Cell:
    """One technique under one condition.

    Attributes:
        condition: its name.
        difference: paired to the baseline; None where there is no pair.
        verdict: of the condition's own family of tests; None where it was not run.
        diverged: seeds of which a run diverged.
        missing: why there is no difference; else empty.
    """

    condition: str
    difference: Difference | None
    verdict: Verdict | None
    diverged: list[int]
    missing: str = ""


@dataclass(frozen=True)
class Technique:
    """One stack over all conditions.

    Attributes:
        name: its members, with the values that set it apart from others with the same members.
        members: as an arm has them.
        cells: one for each condition, in their order.
        counts: in how many conditions it has each of the four verdicts; the rest are missing.
        mean: of the conditions' mean differences, each condition counting once; None where it is not
            averaged. Its interval has the conditions as the unit.
        verdict: on this mean; None without it.
        middle: interquartile mean over the paired differences of all runs, conditions weighing alike, with
            its stratified bootstrap interval; None where it is not averaged.
        rank: mean rank; None where it is not ranked.
    """

    name: str
    members: list[dict[str, Any]]
    cells: list[Cell]
    counts: dict[str, int]
    mean: Difference | None
    verdict: Verdict | None
    middle: Middle | None
    rank: float | None


@dataclass(frozen=True)
class Across:
    """All techniques over all conditions.

    Attributes:
        keys: that tell the conditions apart, as they were asked for.
        metric: what the verdicts are on.
        at: last or best.
        baseline: what all are compared with.
        terms: what is predicted; its unit is empty where conditions have several.
        margin: the largest difference that does not matter, in the metric's plain unit; None: every one does.
        conditions: in the order of their values.
        techniques: the best mean rank first, then by mean difference.
        ranking: None where there are no ranks.
        unaveraged: why differences are not averaged over the conditions; empty where they are.
        families: sentences on which tests belong together, and what each statistic supposes.
        notes: sentences on what a person should know before believing it.
    """

    keys: list[str]
    metric: str
    at: str
    baseline: str
    terms: Terms
    margin: float | None
    conditions: list[Condition]
    techniques: list[Technique]
    ranking: Ranking | None
    unaveraged: str
    families: list[str]
    notes: list[str]
