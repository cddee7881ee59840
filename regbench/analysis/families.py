"""Which tests over several conditions belong together, and what each statistic supposes."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.analysis.ranking import Ranking
from regbench.analysis.report import ALPHA
from regbench.analysis.words import probability
from regbench.errors import counted
from regbench.stats.paired_test import FIXED, RESAMPLED


def families(
    techniques: int, conditions: int, tests: Sequence[str], averaged: bool, ranked: Ranking | str
) -> list[str]:
    """A sentence on the cells, on the means over conditions, on the ranks, and on the interquartile means.

    Args:
        techniques: how many there are.
        conditions: as many.
        tests: the names of those that the cells are judged by.
        averaged: whether differences are.
        ranked: what was found of the ranks, or why there are none.
    """
    lines = [_cells(conditions, tests)]
    if averaged:
        lines.append(_means(techniques, conditions))
    lines.append(ranked if isinstance(ranked, str) else _ranks(ranked))
    if averaged:
        lines.append(
            "an interquartile mean is over the paired differences of all runs, conditions weighing alike; "
            "its bootstrap interval is for other seeds of these same conditions, unadjusted, and supposes "
            "that the number of seeds was chosen beforehand"
            + (", and takes splits for independent, which they are not" if RESAMPLED in tests else "")
        )
    return lines


def _cells(conditions: int, tests: Sequence[str]) -> str:
    return (
        f"each cell is judged in its condition by the {' or the '.join(tests)} test, the techniques there "
        "being one family: in any one condition something is called falsely in at most 5 % of cases, in some "
        f"of {conditions} more often, so a cell that is picked because it stands out proves little"
    )


def _means(techniques: int, conditions: int) -> str:
    least, needed = FIXED.smallest_p(techniques, conditions), FIXED.seeds_needed(techniques)
    first = (
        "a mean counts each condition once; its interval and verdict have the conditions as the unit, as "
        "independent draws of those one would know about, chosen beforehand and looked at once; all "
        f"techniques are one family of sign-flip tests; with {counted(techniques, 'technique')} and "
        f"{counted(conditions, 'condition')} the smallest adjusted p is {probability(least)}"
    )
    if least > ALPHA:
        return f"{first}, above {ALPHA}, so no mean can be resolved; {needed} conditions would do"
    return first


def _ranks(found: Ranking) -> str:
    return f"{found.sentence}; all pairs of arms are one family"
