"""What jobs need of a machine that a launcher asks for."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from regbench.sweeps.jobs import Job


def needs(jobs: Sequence[Job]) -> dict[str, int | None]:
    """What each of the jobs gets, by a launcher's key for it, where nobody says otherwise.

    A core for each thread that is asked for, one where none is; a GPU where one of them has `device=cuda`.
    """
    cores = max((one.config["threads"] or 1 for one in jobs), default=1)
    gpu = any(str(one.config["device"]).startswith("cuda") for one in jobs)
    return {"cpus_per_task": cores, "gpus_per_node": 1 if gpu else None}


def fill_in(launcher: MutableMapping[str, Any], jobs: Sequence[Job]) -> None:
    """Set what a launcher can be told of `needs`, and was not."""
    for key, value in needs(jobs).items():
        if key in launcher and launcher[key] is None:
            launcher[key] = value
