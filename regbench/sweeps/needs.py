"""What jobs need of a machine that a launcher asks for."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.sweeps.jobs import Job
from regbench.sweeps.threads import threads_of_each


def needs(jobs: Sequence[Job]) -> dict[str, int | None]:
    """What each of the jobs gets, by a launcher's key for it, where nobody says otherwise: a CPU for each thread."""
    return {"num_cpus": max(threads_of_each(jobs), default=1)}
