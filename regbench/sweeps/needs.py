"""What jobs need of a machine that a launcher asks for."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.sweeps.jobs import Job
from regbench.sweeps.threads import threads_of_each


def needs(jobs: Sequence[Job]) -> dict[str, int | None]:
    """What each of the jobs gets, by the launchers' keys for it, where nobody says otherwise.

    Of Slurm a core for each thread that is asked for, one where none is, as it decides what a job sees of its
    machine; of Ray a CPU for each thread. A GPU where one of the jobs has `device=cuda`.
    """
    cores = max((one.config["threads"] or 1 for one in jobs), default=1)
    gpu = any(str(one.config["device"]).startswith("cuda") for one in jobs)
    return {
        "cpus_per_task": cores,
        "gpus_per_node": 1 if gpu else None,
        "num_cpus": max(threads_of_each(jobs), default=1),
        "num_gpus": int(gpu),
    }
