"""The folders of a sweep, looked at again and again while its jobs run: only what has changed is read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from regbench.errors import ConfigError
from regbench.records.files import undamaged
from regbench.sweeps.jobs import State, SweepJob, state_of

SHOWN = ("status", "seconds", "last", "best")  # of a summary; the rest of thousands would fill the memory
SETTLED = (
    3.0  # seconds after which a folder that looks the same is the same: some clocks tick no finer than 2
)


class Watch:
    """The jobs of a sweep, whoever runs them.

    Args:
        jobs: all of them.

    Attributes:
        ended: of each job that has ended, by its name, what is shown of its summary.
        begun: the state of each job that has not ended and whose folder is there, by its name, in order.
    """

    def __init__(self, jobs: Sequence[SweepJob]) -> None:
        self.ended: dict[str, Mapping[str, Any]] = {}
        self.begun: dict[str, State] = {}
        self._waiting = {job.name: job for job in jobs}
        self._roots = {job.folder.parent for job in jobs}
        self._seen: dict[str, tuple[int, float]] = {}  # when a folder was changed, and since when we know

    def look(self) -> list[SweepJob]:
        """The jobs that have ended since the last look, in order."""
        begun: dict[str, State] = {}
        new = []
        for job, changed in sorted(self._present(), key=lambda one: one[0].number):
            state = self._state(job, changed)
            if state.ended:
                summary = undamaged(job.folder)
                self.ended[job.name] = {name: summary.get(name) for name in SHOWN}
                del self._waiting[job.name]
                new.append(job)
            else:
                begun[job.name] = state
        self.begun = begun
        return new

    def _present(self) -> Iterator[tuple[SweepJob, int]]:
        """Jobs that have not ended and whose folder is there, with the time of its last change."""
        for root in self._roots:
            try:
                entries = [*os.scandir(root)]
            except FileNotFoundError:
                continue
            for entry in entries:
                if entry.name in self._waiting:
                    try:
                        yield self._waiting[entry.name], entry.stat().st_mtime_ns
                    except FileNotFoundError:  # taken away meanwhile
                        continue

    def _state(self, job: SweepJob, changed: int) -> State:
        """Read again where the folder has changed: every file comes into it under another name first."""
        before, since = self._seen.get(job.name, (None, 0.0))
        if changed == before and time.monotonic() - since > SETTLED and job.name in self.begun:
            return self.begun[job.name]
        if changed != before:
            self._seen[job.name] = (changed, time.monotonic())
        try:
            return state_of(job.folder)
        except ConfigError:  # what cannot be looked at is not done
            return State.LEFT
