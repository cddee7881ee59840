"""What holds over several conditions: data sets, models, whatever was named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regbench.analysis.choosing import choose
from regbench.analysis.cohorts import Group, cohorts, name_groups
from regbench.analysis.conditions import Condition, Studied, conditions
from regbench.analysis.notes import paired
from regbench.analysis.question import Question
from regbench.analysis.ranking import Ranking, ranking
from regbench.analysis.report import ALPHA, Arm, Difference, Report, Verdict
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED, difference, judge, judge_of
from regbench.analysis.words import probability
from regbench.errors import ConfigError, counted, listed
from regbench.records.reader import Found
from regbench.stats.aggregate import Middle, interquartile_mean
from regbench.stats.paired_test import FIXED

WORDS = ("better", "worse", NO_MATTER, NOT_RESOLVED)
FEWEST = 3  # conditions, below which an interval over them says nothing
FEW = 10  # seeds


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
    margin: float | None
    conditions: list[Condition]
    techniques: list[Technique]
    ranking: Ranking | None
    unaveraged: str
    families: list[str]
    notes: list[str]


def across(found: Found, told: Report, question: Question, keys: Sequence[str]) -> Across:
    """What the comparisons of a report say together.

    Args:
        found: the runs that the report is of.
        told: the report.
        question: that it answers.
        keys: by which its comparisons are told apart, as `conditions.keys_of` gives them.

    Raises:
        ConfigError: they are no conditions of one question, or there is nothing to compare in two of them.
    """
    results, _, _ = choose(found.results, question.best_of, question.at)
    comparisons = {one.name: one for one in told.comparisons}
    studied, notes = conditions([(one, comparisons[one.name]) for one in cohorts(results)[0]], keys)
    groups, base = _stacks(studied)
    unaveraged = _unaveraged(studied)
    arms = {group.name: [_arm(one, stack) for one in studied] for stack, group in groups.items()}
    cells = {name: [_cell(*pair) for pair in zip(studied, several, strict=True)] for name, several in arms.items()}
    compared = [name for name in arms if name != base]
    if not any(sum(cell.difference is not None for cell in cells[name]) > 1 for name in compared):
        raise ConfigError(
            "compare: --across: a technique must be compared with the baseline in two conditions or more, "
            "and none is"
        )
    whole = {
        name: [arm for arm in several if arm]
        for name, several in arms.items()
        if all(arm and (cell.difference or cell.diverged or name == base) for arm, cell in zip(several, cells[name], strict=True))
    }
    ranked = ranking(whole, [one.comparison for one in studied])
    means = {} if unaveraged else _over(compared, cells, question)
    members = {name: next(arm.members for arm in several if arm) for name, several in arms.items()}
    techniques = [
        Technique(
            name=name,
            members=members[name],
            cells=cells[name],
            counts=_counts(cells[name]),
            mean=means[name][0] if name in means else None,
            verdict=means[name][1] if name in means else None,
            middle=None if unaveraged else _middle(studied, arms[name], question.metric),
            rank=ranked.ranks.get(name) if isinstance(ranked, Ranking) else None,
        )
        for name in compared
    ]
    sign = 1 if _less(question) else -1
    techniques.sort(key=lambda one: (
        one.rank is None, one.rank or 0.0, sign * one.mean.mean if one.mean else 0.0, one.name,
    ))
    return Across(
        keys=list(keys),
        metric=question.metric,
        at=question.at,
        baseline=base,
        margin=question.margin,
        conditions=[one.condition for one in studied],
        techniques=techniques,
        ranking=ranked if isinstance(ranked, Ranking) else None,
        unaveraged=unaveraged,
        families=_families(studied, techniques, ranked, question),
        notes=[*notes, *_about(techniques, studied, ranked, unaveraged)],
    )
