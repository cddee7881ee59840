"""Jobs that one process runs together, and what comes of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from regbench.errors import ConfigError
from regbench.sweeps.claiming import Task
from regbench.sweeps.jobs import Job

T = TypeVar("T")


@dataclass(frozen=True)
class Unit(Generic[T]):
    """Jobs that one process runs together.

    Attributes:
        task: what is done with them.
        jobs: at least one.
        first: the number of the first among all.
    """

    task: Task[T]
    jobs: Sequence[Job]
    first: int

    def bare(self) -> Unit[T]:
        """Without what another process composes for itself."""
        return replace(self, jobs=[replace(job, config={}) for job in self.jobs])

    def epochs(self) -> int:
        """How many epochs of its runs are recorded."""
        return sum(job.epochs() for job in self.jobs)


def in_order(jobs: Sequence[Job], units: Sequence[Unit[T]], came: Sequence[list[T]]) -> list[T]:
    """What came of each job, in the order of the jobs."""
    pairs = (zip(unit.jobs, found, strict=True) for unit, found in zip(units, came, strict=True))
    of = {job.name: result for several in pairs for job, result in several}
    return [of[job.name] for job in jobs]


def results(came: Any, unit: Unit[T]) -> list[T]:
    """What a worker has returned for its jobs; what it has raised is raised, but for what ends these alone.

    Raises:
        Exception: it has.
    """
    if isinstance(came, (ConfigError, OSError)):
        return [unit.task.unable(came) for _ in unit.jobs]
    if isinstance(came, Exception):
        raise came
    return came  # type: ignore[no-any-return]
