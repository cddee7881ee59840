"""What stands on the board of a race, and what is said while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.analysis.racing import Place
from regbench.analysis.words import number, probability
from regbench.errors import counted
from regbench.records.metrics import Terms
from regbench.terminal.columns import Table

EMPTY = "-"


def board(places: Sequence[Place], metric: str, spent: str, terms: Terms) -> Table:
    """Each stack with its seeds, its difference, its interval, its wealth and its state."""
    measure = terms.unit_of(metric, True)
    headings = ["stack", "seeds", f"difference ({measure})" if measure else "difference"]
    headings += ["interval", "wealth", "adjusted p", "state"]
    ready = sum(one.decided for one in places[1:])
    caption = f"{terms.title(metric)}: {ready} of {len(places) - 1} decided; {spent}"
    return Table(
        caption,
        headings,
        [_row(one, metric) for one in places],
        prose=("state",),
    )


def _row(one: Place, metric: str) -> list[str]:
    head = [one.name, str(one.seeds)]
    if one.standing is None:
        return [*head, EMPTY, EMPTY, EMPTY, EMPTY, one.state]
    found = one.standing
    wealth = f"{found.wealth:.1f}" if found.wealth < 1000 else f"{found.wealth:.0e}"
    p = probability(found.verdict.p_adjusted)
    return [*head, number(metric, found.mean, True), interval(one, metric) or EMPTY, wealth, p, one.state]


def interval(one: Place, metric: str) -> str:
    """The interval that holds the means of all stacks at once; empty where it is the whole line."""
    if one.standing is None or one.standing.low is None or one.standing.high is None:
        return ""
    return f"[{number(metric, one.standing.low, True)}, {number(metric, one.standing.high, True)}]"


def decided(one: Place, metric: str, terms: Terms) -> str:
    """A sentence on a stack that is decided, or out: `dropout is better after 9 seeds: +0.8 points [..]`."""
    if one.standing is None or not one.decided:
        return f"{one.name} is out: {one.out}"
    verb = "makes" if one.state.startswith("no ") else "is"
    words = [number(metric, one.standing.mean, True), terms.unit_of(metric, True), interval(one, metric)]
    found = " ".join(filter(None, words))
    pairs = counted(len(one.standing.differences), "seed")
    return f"{one.name} {verb} {one.state} after {pairs}: {terms.title(metric)} {found}"
