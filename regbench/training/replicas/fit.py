"""The loop over a stack of runs: each run's records, as it would have left them alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regbench.training.loop import Diverged, EpochEnd, Run, StepEnd, fit
from regbench.training.replicas.events import ReplicaEnd
from regbench.types import Record


def unstackable(runs: Sequence[Run]) -> str:
    """Why these runs cannot be trained as one stack, a sentence; empty where they can."""
    return ""


def fit_stack(runs: Sequence[Run], histories: Sequence[Sequence[Record]]) -> Iterator[StepEnd | ReplicaEnd]:
    """Train several runs at once, epoch by epoch, each from where its history ends."""
    going = {
        index: fit(run, history) for index, (run, history) in enumerate(zip(runs, histories, strict=True))
    }
    while going:
        for index, one in list(going.items()):
            try:
                for event in one:
                    if isinstance(event, EpochEnd):
                        yield ReplicaEnd(index, event)
                        break
                    if index == min(going):
                        yield event
                else:
                    del going[index]
            except Diverged as error:
                del going[index]
                yield ReplicaEnd(index, None, str(error))
