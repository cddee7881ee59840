"""What jobs need of a machine that a launcher asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


def asked_for(launcher: Mapping[str, Any], jobs: Sequence[Job]) -> dict[str, Any]:
    """What a launcher asks for each of the jobs, by those of its keys that `needs` has.

    Args:
        launcher: the values of its keys; where one is null, what the jobs need.
        jobs: at least one.
    """
    known = {key: value for key, value in needs(jobs).items() if key in launcher}
    return {key: value if launcher[key] is None else launcher[key] for key, value in known.items()}
