"""A stack of runs that is none: one after the other, epoch by epoch, to the last bit what each does alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from regbench.training.loop import Diverged, EpochEnd, Run, StepEnd, fit
from regbench.training.replicas.events import ReplicaEnd
from regbench.types import Record


def in_turn(
    runs: Sequence[Run],
    histories: Sequence[Sequence[Record]],
    is_over: Callable[[int], bool] = lambda _: False,
) -> Iterator[StepEnd | ReplicaEnd]:
    """What `fit_stack` gives: a step's end for all, then each run's epoch."""
    going = {index: fit(*one) for index, one in enumerate(zip(runs, histories, strict=True))}
    while going:
        for index, events in list(going.items()):
            try:
                for event in events:
                    if isinstance(event, EpochEnd):
                        break
                    if index == min(going):
                        yield event
            except Diverged as error:
                del going[index]
                yield ReplicaEnd(index, None, str(error))
                continue
            assert isinstance(event, EpochEnd)
            yield ReplicaEnd(index, event)
            if event.stopped or event.record.epoch == runs[index].epochs or is_over(index):
                del going[index]
