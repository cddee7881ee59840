"""What jobs need of a machine that a launcher asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from regbench.sweeps.jobs import Job
from regbench.sweeps.threads import threads_of_each


def _cores(jobs: Sequence[Job]) -> int:
    """A core for each thread that is asked for, one where none is: what a job sees are those that it gets."""
    return max((one.config["threads"] or 1 for one in jobs), default=1)


def _threads(jobs: Sequence[Job]) -> int:
    """A core for each thread."""
    return max(threads_of_each(jobs), default=1)


def _gpus(jobs: Sequence[Job]) -> int:
    """One where a job has `device=cuda`."""
    return int(any(str(one.config["device"]).startswith("cuda") for one in jobs))


NEEDS: Mapping[str, Callable[[Sequence[Job]], int | None]] = {  # of each job, by launchers' keys
    "cpus_per_task": _cores,
    "gpus_per_node": lambda jobs: _gpus(jobs) or None,
    "num_cpus": _threads,
    "num_gpus": _gpus,
}


def asked_for(launcher: Mapping[str, Any], jobs: Sequence[Job]) -> dict[str, Any]:
    """What a launcher asks for each of the jobs, by those of its keys that `NEEDS` has.

    Args:
        launcher: the values of its keys; where one is null, what the jobs need.
        jobs: of a sweep.
    """
    known = {key: need for key, need in NEEDS.items() if key in launcher}
    return {key: need(jobs) if launcher[key] is None else launcher[key] for key, need in known.items()}
