"""A Ray cluster as a sweep sees it: joined when it is first needed, kept for all rounds, left at the end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, brief
from regbench.runs.interruption import StopRequest
from regbench.sweeps.on_ray.call import TICK, Call, Gone, room
from regbench.sweeps.on_ray.options import LOCAL, Options
from regbench.sweeps.on_ray.pieces import Common, Piece, surroundings

ANSWER = 5.0  # seconds for which a host may not answer at all
JOINING = 60.0  # seconds that joining a cluster takes at most
STARTING = 180.0  # seconds that starting one takes at most: on a busy machine it takes more than one
LEAVING = 10.0  # seconds until what does not leave is killed
CLIENT = Path(__file__).with_name("client.py")
# Where nothing else is said. Losses by lack of memory are counted with all others, not by themselves.
SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "180"}
ALWAYS = {"RAY_task_oom_retries": "0", "RAY_DEDUP_LOGS": "0"}
GONE = "hydra/launcher: must have a Ray cluster, and that is gone ({why}); the same line goes on"


class Cluster:
    """Has Ray run jobs.

    Args:
        options: what is asked of it.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Connection
        self._machines: list[tuple[float, float]] = []

    def at_once(self, taken: Mapping[str, float]) -> int:
        """How many jobs run at once, as far as is known; of a cluster that has not been joined 1.

        Args:
            taken: `num_cpus` and `num_gpus` of each.
        """
        machines = self._machines
        if not machines and self._options.place == LOCAL and not taken["num_gpus"]:
            machines = [(float(self._options.cores), 0.0)]
        return max(1, min(room(machines, taken), self._options.at_once or sys.maxsize))

    def join(self) -> None:
        """Start a cluster of this machine, or join one that is there, unless that has been done.

        Raises:
            ConfigError: there is none, and none can be started.
        """
        if self._process is not None:
            return
        self._reach()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(CLIENT), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what is typed in the terminal is for the process of the line
                env=SETTINGS | dict(os.environ) | ALWAYS,
            )
        self._channel = Connection(ours.detach())
        place = {"address": self._options.place, "cores": self._options.cores}
        self._channel.send({**place, "surroundings": surroundings()})
        try:
            self._machines = self._joined()
        except BaseException:
            self.close()
            raise

    def _reach(self) -> None:
        """Find out soon whether anything answers: Ray itself asks for minutes."""
        if self._options.endpoint is None:
            return
        try:
            socket.create_connection(self._options.endpoint, ANSWER).close()
        except (OSError, UnicodeError) as error:  # the latter: of a name that none can be
            raise ConfigError(
                f"{self._options.named}: must be that of a running Ray cluster, and nothing answers at "
                f"{brief(self._options.place)}: {getattr(error, 'strerror', None) or error}"
            ) from error

    def _joined(self) -> list[tuple[float, float]]:
        limit = STARTING if self._options.place == LOCAL else JOINING
        end = time.monotonic() + limit
        while not self._channel.poll(TICK):
            if time.monotonic() > end:
                raise self._unreachable(f"it has not answered in {limit:g} s")
        try:
            what, said = self._channel.recv()
        except (EOFError, OSError):
            what, said = "unreachable", "it has ended without a word"
        if what == "unreachable":
            raise self._unreachable(brief(said, 200))
        return said  # type: ignore[no-any-return]

    def _unreachable(self, why: str) -> ConfigError:
        if self._options.place == LOCAL:
            return ConfigError(
                f"hydra/launcher: ray_cluster must have a Ray of this machine, got none: {why}"
            )
        named, place = self._options.named, brief(self._options.place)
        return ConfigError(f"{named}: must be that of a running Ray cluster, got {place}: {why}")

    def run(self, common: Common, pieces: Sequence[Piece], taken: Mapping[str, float]) -> list[Any]:
        """What Hydra returned for each job; a `WorkerLost`, not to be repeated, of one that was given up.

        Args:
            common: what they share.
            pieces: the jobs.
            taken: `num_cpus` and `num_gpus` of each.

        Raises:
            ConfigError: there is no cluster, it has no room for such jobs, or it is gone.
            KeyboardInterrupt: a signal has come; what ran has stopped.
        """
        self.join()
        self._require_room(taken)
        with StopRequest() as stop:
            try:
                self._channel.send(("begin", common.packed()))
                found = Call(self._channel, pieces, self._options, taken, stop, common.task.unable)()
            except (EOFError, OSError, Gone) as error:
                if not stop.made:
                    self.close()
                    why = error if isinstance(error, Gone) else "nothing answers any more"
                    raise ConfigError(GONE.format(why=why)) from error
        if stop.made:
            raise KeyboardInterrupt
        return found

    def _require_room(self, taken: Mapping[str, float]) -> None:
        if room(self._machines, taken):
            return
        for place, key in enumerate(("num_cpus", "num_gpus")):
            most = max((one[place] for one in self._machines), default=0)
            if taken[key] > most:
                raise ConfigError(
                    f"hydra.launcher.{key}: must be at most {most:g}, which the largest machine of the "
                    f"cluster has, got {taken[key]:g}"
                )
        raise ConfigError(
            f"hydra.launcher.num_gpus: must be found on one machine of the cluster with "
            f"{taken['num_cpus']:g} CPUs, got {taken['num_gpus']:g}"
        )

    def close(self) -> None:
        """Leave the cluster, and end it where it was for this sweep alone."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError):
            self._channel.send(("leave",))
        with suppress(subprocess.TimeoutExpired):
            process.wait(LEAVING)
        self._channel.close()
        process.kill()
        process.wait()
