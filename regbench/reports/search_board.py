"""What is shown of a search before it begins, and while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.analysis.searching import Arm, Trial, TrialState
from regbench.analysis.words import number
from regbench.errors import counted
from regbench.records.metrics import Terms, smaller_is_better
from regbench.reports.search_wording import tried
from regbench.terminal.columns import Table

EMPTY = "-"


def board(
    arms: Sequence[Arm], asked: Sequence[tuple[str, Trial]], objective: str, spent: str, terms: Terms
) -> Table:
    """Each arm with its trials and the best of them so far.

    Args:
        arms: with the trials that have ended.
        asked: those that are being run, with the names of their arms.
        objective: the metric of select.
        spent: in words.
        terms: of what is predicted.
    """
    headings = ["arm", "trials", "pruned", "running", f"best {terms.title(objective)}", "of"]
    rows = [_row(arm, sum(name == arm.name for name, _ in asked), objective) for arm in arms]
    return Table(f"search: {spent}", headings, rows, prose=("of",))


def _row(arm: Arm, running: int, objective: str) -> list[str]:
    ended, complete = arm.trials, [one for one in arm.trials if one.score is not None]
    count = tried(len(ended), arm.budget)
    pruned = sum(one.state is not TrialState.COMPLETE for one in ended)
    best = _best(complete, objective)
    score = number(objective, best.score) if best and best.score is not None else EMPTY
    stack = ("+".join(best.members) or "no candidate") if best else EMPTY
    return [arm.name, count, str(pruned), str(running), score, stack]


def _best(trials: Sequence[Trial], objective: str) -> Trial | None:
    sign = -1 if smaller_is_better(objective) else 1
    return max(trials, key=lambda one: sign * (one.score or 0.0), default=None)


def plan_of(arm: Arm) -> Table:
    """What an arm sets, and how many trials it gets."""
    budget = "as many trials as there is time for" if arm.budget is None else counted(arm.budget, "trial")
    rows = [[one.key, one.domain, one.candidate or "every trial"] for one in arm.parameters]
    return Table(f"{arm.name}: {budget}", ["key", "values", "of"], rows, prose=("values",))
