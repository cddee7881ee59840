"""What jobs need of a machine that a launcher asks for."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.sweeps.jobs import Job
from regbench.sweeps.threads import threads_of_each


def needs(jobs: Sequence[Job]) -> dict[str, int | None]:
    """What each of the jobs gets, by a launcher's key for it, where nobody says otherwise.

    A CPU for each thread, and a GPU where one of the jobs has `device=cuda`.
    """
    gpu = any(str(one.config["device"]).startswith("cuda") for one in jobs)
    return {"num_cpus": max(threads_of_each(jobs), default=1), "num_gpus": int(gpu)}
