"""How arms rank in each of several conditions, and which ranks can be told apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regbench.analysis.report import ALPHA, Arm, Comparison
from regbench.analysis.words import probability
from regbench.errors import counted
from regbench.records.metrics import smaller_is_better
from regbench.stats.ranks import critical_difference, friedman, groups, ranks


@dataclass(frozen=True)
class Ranking:
    """The mean ranks of arms over conditions; 1 is the best.

    Attributes:
        ranks: the mean rank of each arm, the baseline among them, the best first.
        by_condition: of each condition the ranks of the arms in that order.
        chi2: Friedman's statistic.
        f: Iman and Davenport's; None where all conditions rank alike.
        p: of either, by permuting ranks within conditions, and of more than 12 conditions by f.
        critical_difference: Nemenyi's, of mean ranks.
        differ: whether p is at most 0.05; where it is not, no two arms are told apart.
        groups: the largest sets of arms of which no two are told apart; none has one arm only.
        sentence: what the tests say.
    """

    ranks: dict[str, float]
    by_condition: list[list[float]]
    chi2: float
    f: float | None
    p: float
    critical_difference: float
    differ: bool
    groups: list[list[str]]
    sentence: str


def ranking(arms: Mapping[str, Sequence[Arm]], conditions: Sequence[Comparison]) -> Ranking | str:
    """Rank arms by the mean of the metric over the seeds that all of them have in a condition.

    An arm of which a seed diverged is the last of its condition, for its mean is of those that went well.

    Args:
        arms: under their names, each of every condition in turn.
        conditions: two or more.

    Returns:
        A sentence, where there is nothing to rank.
    """
    if len(arms) < 2:
        return "there are no ranks: no technique is there in every condition"
    scores = []
    for place, condition in enumerate(conditions):
        row = _scores([several[place] for several in arms.values()], condition.metric)
        if row is None:
            return f"there are no ranks: in {condition.name} no seed is shared by all that would be ranked"
        scores.append(row)
    ranked = ranks(np.array(scores))
    means = ranked.mean(0)
    names, order = list(arms), sorted(range(len(arms)), key=lambda arm: means[arm])
    found = friedman(ranked)
    least = critical_difference(len(arms), len(conditions), ALPHA)
    differ = found.p <= ALPHA
    joined = groups(means.tolist(), least if differ else math.inf)
    return Ranking(
        ranks={names[arm]: float(means[arm]) for arm in order},
        by_condition=[[float(row[arm]) for arm in order] for row in ranked],
        chi2=found.chi2,
        f=found.f if math.isfinite(found.f) else None,
        p=found.p,
        critical_difference=least,
        differ=differ,
        groups=[[names[arm] for arm in group] for group in joined],
        sentence=_sentence(found.p, least, len(arms), len(conditions)),
    )


def _scores(arms: Sequence[Arm], metric: str) -> list[float] | None:
    """What each is ranked by, the smallest first; None where those that are sound share no seed."""
    sign = 1 if smaller_is_better(metric) else -1
    values = [
        {run.seed: run.figures[metric] for run in arm.runs if metric in run.figures and not arm.diverged}
        for arm in arms
    ]
    sound = [set(one) for one in values if one]
    seeds = set.intersection(*sound) if sound else set()
    if not seeds:
        return None
    # A mean of accuracies that tie but for rounding is a tie.
    return [
        round(sign * math.fsum(one[seed] for seed in seeds) / len(seeds), 12) if one else math.inf
        for one in values
    ]


def _sentence(p: float, least: float, arms: int, conditions: int) -> str:
    where = counted(conditions, "condition")
    tested = f"Friedman's test of the ranks of {arms} arms in {where} gives p {probability(p)}"
    if p > ALPHA:
        return f"{tested}: that the arms differ in rank at all is not resolved, so no two are told apart"
    if least > arms - 1:
        return (
            f"{tested}: they do differ, but two only where their mean ranks lie {least:.2f} apart (Nemenyi), "
            f"and {arms - 1} is the most that they can: by so few conditions no two are told apart"
        )
    return f"{tested}; two differ where their mean ranks lie {least:.2f} or more apart (Nemenyi)"
