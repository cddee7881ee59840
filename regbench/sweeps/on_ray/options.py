"""What is asked of Ray."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass

from regbench.assembly.device import cores
from regbench.errors import ConfigError, brief

LOCAL, THERE = "local", "auto"
VARIABLE = "RAY_ADDRESS"


@dataclass(frozen=True)
class Options:
    """What is asked of Ray for a sweep and each of its jobs.

    Attributes:
        address: HOST:PORT of a cluster; `auto`: that which runs on this machine; `local`: one of this machine
            alone, for this sweep; None: what RAY_ADDRESS names, else `local`.
        num_cpus: CPUs of each job; None: as many as the job has threads.
        num_gpus: GPUs of each job, or the part of one that it takes; with 0 it sees none. None: 1 where a job
            has `device=cuda`, else 0.
        retries: how often in a row, without a new epoch between, a job is tried again whose worker was lost.
        at_once: so many run at once at most; None: as many as there is room for.

    Raises:
        ConfigError: Ray is not installed, or the address is none.
    """

    address: str | None
    num_cpus: float | None
    num_gpus: float | None
    retries: int
    at_once: int | None

    def __post_init__(self) -> None:
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("hydra/launcher=ray_cluster needs ray; type pip install 'regbench[ray]'")
        if self.place not in (LOCAL, THERE) and not re.fullmatch(r"(\[[^]]+\]|[^:/\s]+):\d{1,5}", self.place):
            raise ConfigError(
                f"{self.named}: must be HOST:PORT of a Ray cluster, auto or local, got {brief(self.place)}"
            )

    @property
    def place(self) -> str:
        """The address, found."""
        return self.address or os.environ.get(VARIABLE) or LOCAL

    @property
    def named(self) -> str:
        """By what the address was given."""
        given = self.address or not os.environ.get(VARIABLE)
        return "hydra.launcher.address" if given else VARIABLE

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """Host and port; None where they are found by Ray."""
        if self.place in (LOCAL, THERE):
            return None
        host, _, port = self.place.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def cores(self) -> int:
        """CPUs of a cluster of this machine alone."""
        return cores()
