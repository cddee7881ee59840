"""The folders of a sweep, looked at again and again while its jobs run: only what has changed is read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from regbench.errors import ConfigError
from regbench.folders.state import State, read_state
from regbench.records.summary import Summary
from regbench.sweeps.jobs import Job

# Seconds after which a folder that looks the same is the same: some clocks tick no finer than 2.
SETTLED = 3.0


class Watch:
    """The jobs of a sweep, whoever runs them.

    Args:
        jobs: all of them.

    Attributes:
        ended: of each job that has ended, by its name, its summary, as far as it is shown.
        begun: the state of each job that has not ended and whose folder is there, by its name, in order.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.ended: dict[str, Summary] = {}
        self.begun: dict[str, State] = {}
        self._waiting: dict[str, Job] = {}
        self._roots: set[Path] = set()
        self.add(jobs)
        self._seen: dict[str, tuple[int, float]] = {}  # when a folder was changed, and since when we know

    def add(self, jobs: Sequence[Job]) -> None:
        """Look at these too from now on."""
        self._roots.update(job.folder.parent for job in jobs)
        self._waiting.update({job.name: job for job in jobs if job.name not in self.ended})

    def look(self) -> list[Job]:
        """The jobs that have ended since the last look, in order."""
        begun: dict[str, State] = {}
        new = []
        for job, changed in sorted(self._present(), key=lambda one: one[0].number):
            state, summary = self._state(job, changed)
            if state.ended and summary:
                self.ended[job.name] = _shown(summary)
                del self._waiting[job.name]
                self._seen.pop(job.name, None)
                new.append(job)
            else:
                begun[job.name] = state
        self.begun = begun
        return new

    def _present(self) -> Iterator[tuple[Job, int]]:
        """Jobs that have not ended and whose folder is there, with the time of its last change."""
        for root in self._roots if self._waiting else ():
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

    def _state(self, job: Job, changed: int) -> tuple[State, Summary | None]:
        """Read again where the folder has changed: every file comes into it under another name first."""
        before, since = self._seen.get(job.name, (None, 0.0))
        if changed == before and time.monotonic() - since > SETTLED and job.name in self.begun:
            return self.begun[job.name], None
        if changed != before:
            self._seen[job.name] = (changed, time.monotonic())
        try:
            return read_state(job.folder)
        except ConfigError:  # what cannot be looked at is not done
            return State.LEFT, None


def _shown(found: Summary) -> Summary:
    """What is shown of it: the rest of thousands would fill the memory."""
    return Summary(
        status=found.status,
        seconds=found.seconds,
        last=found.last,
        best=found.best,
        targets=found.targets,
        config={"train": {"monitor": found.monitor}},
    )
