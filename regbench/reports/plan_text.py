"""The seeds that it takes to find a difference, as a table and as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from regbench.analysis.planning import MOST_SEEDS, POWERS, Needed, Pilot, Sought, needed
from regbench.analysis.words import number
from regbench.errors import counted
from regbench.terminal.columns import Table


def page(pilot: Pilot, sought: Sought, time: Callable[[int], str]) -> tuple[Table, list[str]]:
    """The table of both tests with what they rest on.

    Args:
        pilot: the spread.
        sought: the difference.
        time: how long it takes until all stacks have so many seeds.
    """
    measure, title = pilot.terms.unit_of(sought.metric, True), pilot.terms.title(sought.metric)
    words = " ".join(filter(None, [number(sought.metric, sought.difference), measure]))
    several = counted(sought.techniques, "technique")
    place = f": {pilot.name}" if pilot.name else ""
    caption = f"seeds that find {words} of {title}, as one of {several}{place}"
    rows = [
        [one.test, f"{100 * one.power:.0f} %", _seeds(one), time(one.seeds) if one.seeds else "-"]
        for one in needed(sought, pilot.sd)
    ]
    return Table(caption, ["test", "found in", "seeds", "time left"], rows), list(_about(pilot, sought))


def _seeds(one: Needed) -> str:
    return str(one.seeds or f"more than {MOST_SEEDS}")


def _about(pilot: Pilot, sought: Sought) -> Iterator[str]:
    """What the seeds rest on."""
    spread = number(sought.metric, pilot.sd)
    if pilot.upper is None:
        yield f"the standard deviation of the paired differences is said to be {spread}"
    else:
        upper = number(sought.metric, pilot.upper)
        few = [f"{_seeds(one)} ({one.test})" for one in needed(sought, pilot.upper) if one.power == POWERS[0]]
        yield (
            f"the standard deviation of the paired differences is {spread}, of "
            f"{counted(pilot.techniques, 'technique')} with up to {counted(pilot.pairs, 'pair')}; it may be "
            f"{upper} (at most that in 9 of 10 cases), and then it takes {' or '.join(few)} for "
            f"{100 * POWERS[0]:.0f} %"
        )
    yield (
        "sequential: looked at after every seed if one likes, and ended sooner where the difference is "
        "larger; fixed: exactly so many seeds, chosen beforehand, and judged by `--fixed-seeds`"
    )
