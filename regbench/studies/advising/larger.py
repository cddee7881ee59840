"""What a larger budget would buy, in sentences."""

from __future__ import annotations

from regbench.analysis.advising import Advice, Plan
from regbench.analysis.searching import Outcome
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.errors import counted
from regbench.stats.paired_test import SEQUENTIAL
from regbench.studies.advising.fitting import RACE_SHARE


def larger_of(advice: Advice) -> list[str]:
    """What it would buy: whole runs, decided races, a verdict, an ablation that is resolved."""
    plan, found = advice.plan, advice.search
    said = []
    shortest = min(plan.epochs, plan.race_epochs)
    if shortest < plan.asked_epochs:
        more = plan.budget * plan.asked_epochs / shortest
        said.append(f"with about {_budget(more)} runs could have all {counted(plan.asked_epochs, 'epoch')}")
    needed = SEQUENTIAL.seeds_needed(len(plan.acting))
    more = _for_seeds(plan, needed)
    if more > plan.budget and any(
        one.word == NOT_RESOLVED and one.seeds < needed for one in advice.race.rows
    ):
        said.append(
            f"with about {_budget(more)} each technique could have {needed} seeds in the "
            f"race, with fewer of which none of {len(plan.acting)} can be decided"
        )
    if found.outcome is Outcome.OPEN:
        said.append(f"with about {_budget(2 * plan.budget)} the search could come to a verdict")
    elif found.word == NOT_RESOLVED:
        said.append(
            f"with about {_budget(2 * plan.budget)} there would be twice as many trials, and more fresh seeds"
        )
    parts = advice.ablation.parts if advice.ablation else []
    if unresolved := [one for one in parts if one.word == NOT_RESOLVED]:
        said.append(
            f"more time would give more seeds to the ablation, in which {counted(len(unresolved), 'member')} "
            "could not be resolved"
        )
    return said


def _for_seeds(plan: Plan, seeds: int) -> float:
    """Seconds with which the race has so many of each technique."""
    part = plan.race_epochs / plan.asked_epochs
    each = (plan.baseline + sum(one.seconds for one in plan.acting)) * part
    return plan.planning + seeds * each / plan.workers / RACE_SHARE


def _budget(seconds: float) -> str:
    return f"budget={_rounded(seconds)}"


def _rounded(seconds: float) -> str:
    """A time as it is typed, to the next minute, or half hour of long ones."""
    minutes = -(-seconds // 60)
    if minutes < 60:
        return f"{minutes:.0f}min"
    halves = -(-minutes // 30)
    return f"{halves // 2:.0f}h" + ("30min" if halves % 2 else "")
