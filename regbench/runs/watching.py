"""What a search has to say of a run while it trains: that it goes on, or why it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from regbench.types import Record

# Given the records of all epochs that are done, the newest last: why the run is to be pruned, one sentence;
# empty where it goes on. It can be pickled, and the records alone decide: of a run that was killed it is
# asked again.
Watch = Callable[[Sequence[Record]], str]


class Pruned(Exception):
    """A run is given up, as its watch says why."""


def ask(watch: Watch | None, history: Sequence[Record], epochs: int) -> None:
    """Ask after an epoch that was evaluated, unless it is the last.

    Args:
        watch: of the run; None where it has none.
        history: of the epochs that are done; the watch gets a list of its own.
        epochs: of the whole run.

    Raises:
        Pruned: the run is to be given up.
    """
    if watch is None or not history or len(history) >= epochs or "val/loss" not in history[-1].metrics:
        return
    if reason := watch(list(history)):
        raise Pruned(reason)
