"""Which tests over several conditions belong together, and what each statistic supposes."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.analysis.across_report import Technique
from regbench.analysis.conditions import Studied
from regbench.analysis.ranking import Ranking
from regbench.analysis.report import ALPHA
from regbench.analysis.words import probability
from regbench.errors import counted, listed
from regbench.stats.paired_test import FIXED


def families(
    techniques: Sequence[Technique], studied: Sequence[Studied], averaged: bool, ranked: Ranking | str
) -> list[str]:
    """A sentence on the cells, on the means over conditions, on the ranks, and on the interquartile means.

    Args:
        techniques: all.
        studied: the conditions.
        averaged: whether differences are.
        ranked: what was found of the ranks, or why there are none.
    """
    judges = [one.comparison.judge.test for one in studied if one.comparison.judge]
    lines = [_cells(len(studied), listed(dict.fromkeys(judges)))]
    means = [one.mean.n for one in techniques if one.mean] if averaged else []
    if means:
        lines.append(_means(means))
    lines.append(ranked if isinstance(ranked, str) else _ranks(ranked))
    if averaged:
        lines.append(
            "an interquartile mean is over the paired differences of all runs, conditions weighing alike; "
            "its bootstrap interval is for other seeds of these same conditions, unadjusted, and supposes "
            "that the number of seeds was chosen beforehand; there is none over splits, which share rows"
        )
    return lines


def _cells(conditions: int, test: str) -> str:
    return (
        f"each cell is judged in its condition by the {test} test, the techniques there being one "
        "family: in any one condition something is called falsely in at most 5 % of cases, in some of "
        f"{conditions} more often, so a cell that is picked because it stands out proves little"
    )


def _means(over: Sequence[int]) -> str:
    """What the tests of means can find.

    Args:
        over: how many conditions the mean of each technique is over.
    """
    techniques, most = len(over), max(over)
    least, needed = FIXED.smallest_p(techniques, most), FIXED.seeds_needed(techniques)
    up_to = "up to " if min(over) < most else ""
    first = (
        "a mean counts each condition once; its interval and verdict have the conditions as the unit, as "
        "independent draws of those one would know about, chosen beforehand and looked at once; all "
        f"techniques are one family of sign-flip tests; with {counted(techniques, 'technique')} and "
        f"{up_to}{counted(most, 'condition')} the smallest adjusted p is {probability(least)}"
    )
    if least > ALPHA:
        return f"{first}, above {ALPHA}, so no mean can be resolved; {needed} conditions would do"
    return first


def _ranks(found: Ranking) -> str:
    return f"{found.sentence}; all pairs of arms are one family"
