"""How many threads the jobs of a sweep compute with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from regbench.assembly.workload import threads_of
from regbench.sweeps.jobs import Job

DECIDING = ("model", "dataset", "threads", "device")  # beside the rows of a batch


def threads_of_each(jobs: Sequence[Job]) -> list[int]:
    """Of each job its threads; each kind is looked at once."""
    known: dict[str, int] = {}
    return [_asked_once(job.config, known) for job in jobs]


def _asked_once(config: Mapping[str, Any], known: dict[str, int]) -> int:
    dataset = {name: value for name, value in config["dataset"].items() if name != "split_seed"}
    kind = {name: config[name] for name in DECIDING} | {"dataset": dataset}
    text = json.dumps([kind, config["train"]["batch_size"]])
    if text not in known:
        known[text] = threads_of(config)
    return known[text]
