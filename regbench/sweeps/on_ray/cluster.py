"""A Ray cluster as a sweep sees it: joined when it is first needed, kept for all rounds, left at the end."""

from __future__ import annotations

import math
import os
import pickle
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, brief
from regbench.runs.interruption import StopRequest
from regbench.sweeps.losses import Losses, WorkerLost
from regbench.sweeps.on_ray.options import LOCAL, Options
from regbench.sweeps.on_ray.pieces import Common, Piece, surroundings

TICK = 0.2  # seconds between two looks at whether a signal has come
ANSWER = 5.0  # seconds for which a host may not answer at all
JOINING = 60.0  # seconds that joining a cluster takes at most
STARTING = 180.0  # seconds that starting one takes at most: on a busy machine it takes more than one
LEAVING = 10.0  # seconds until what does not leave is killed
ROOMLESS = 60.0  # seconds for which no machine of the cluster may have room for a job
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

    def at_once(self, num_cpus: float | None) -> int:
        """How many jobs that take so many CPUs run at once, as far as is known; of a cluster of others 1."""
        machines = self._machines
        if not machines and self._options.place == LOCAL and not self._options.num_gpus:
            machines = [(float(self._options.cores), 0.0)]
        return max(1, min(self._room(machines, num_cpus or 1), self._options.at_once or sys.maxsize))

    def _room(self, machines: Sequence[tuple[float, float]], num_cpus: float) -> int:
        """For how many jobs there is room on these machines."""
        needs = [(place, need) for place, need in enumerate((num_cpus, self._options.num_gpus)) if need]
        return sum(min(math.floor(one[place] / need + 1e-6) for place, need in needs) for one in machines)

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
        except OSError as error:
            raise ConfigError(
                f"{self._options.named}: must be that of a running Ray cluster, and nothing answers at "
                f"{brief(self._options.place)}: {error.strerror or error}"
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
            return ConfigError(f"hydra/launcher: ray_cluster must have a Ray of this machine, got none: {why}")
        named, place = self._options.named, brief(self._options.place)
        return ConfigError(f"{named}: must be that of a running Ray cluster, got {place}: {why}")

    def run(self, common: Common, pieces: Sequence[Piece], num_cpus: float | None) -> list[Any]:
        """What Hydra returned for each job; a `WorkerLost`, not to be repeated, of one that was given up.

        Args:
            common: what they share.
            pieces: the jobs.
            num_cpus: CPUs of each; None: 1.

        Raises:
            ConfigError: there is no cluster, it has no room for such jobs, or it is gone.
            KeyboardInterrupt: a signal has come; what ran has stopped.
        """
        self.join()
        taken = {"num_cpus": num_cpus or 1, "num_gpus": self._options.num_gpus}
        self._require_room(num_cpus or 1)
        with StopRequest() as stop:
            try:
                self._channel.send(("begin", common.packed()))
                found = _Call(self, pieces, taken, stop)()
            except (EOFError, OSError) as error:
                if not stop.made:
                    self._lose("nothing answers any more", error)
        if stop.made:
            raise KeyboardInterrupt
        return found

    def _require_room(self, num_cpus: float) -> None:
        if self._room(self._machines, num_cpus):
            return
        for place, (key, need) in enumerate((("num_cpus", num_cpus), ("num_gpus", self._options.num_gpus))):
            most = max((one[place] for one in self._machines), default=0)
            if need > most:
                raise ConfigError(
                    f"hydra.launcher.{key}: must be at most {most:g}, which the largest machine of the cluster "
                    f"has, got {need:g}"
                )
        raise ConfigError(
            f"hydra.launcher.num_gpus: must be found on one machine of the cluster with {num_cpus:g} CPUs, "
            f"got {self._options.num_gpus:g}"
        )

    def _lose(self, why: str, error: Exception | None = None) -> None:
        self.close()
        raise ConfigError(GONE.format(why=why)) from error

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


class _Call:
    """One call of a launcher: its jobs sent, counted, and collected.

    Args:
        cluster: runs them.
        pieces: the jobs.
        taken: what each takes.
        stop: whether a signal has come.
    """

    def __init__(
        self, cluster: Cluster, pieces: Sequence[Piece], taken: dict[str, float], stop: StopRequest
    ) -> None:
        self._cluster, self._pieces, self._taken, self._stop = cluster, pieces, taken, stop
        self._waiting = deque(range(len(pieces)))
        self._running: dict[int, int] = {}  # by its place, how many epochs a job had when it was sent
        self._losses = [Losses() for _ in pieces]
        self._found: dict[int, Any] = {}
        self._room_seen = time.monotonic()

    def __call__(self) -> list[Any]:
        channel, told = self._cluster._channel, False
        most = self._cluster._options.at_once or len(self._pieces)
        while self._running or (self._waiting and not self._stop.made):
            while self._waiting and len(self._running) < most and not self._stop.made:
                self._send(self._waiting.popleft())
            if self._stop.made and not told:
                channel.send(("stop",))
                told = True
            if channel.poll(TICK):
                self._take(*channel.recv())
        return [self._found.get(place) for place in range(len(self._pieces))]

    def _send(self, place: int) -> None:
        piece, losses = self._pieces[place], self._losses[place]
        come = max(piece.epochs(), losses.before, 0)
        lost = losses.count if losses.before == come else 0
        options = self._taken | {"max_retries": self._cluster._options.retries - lost}
        self._cluster._channel.send(("job", place, pickle.dumps(piece), come, options))
        self._running[place] = come

    def _take(self, what: str, *said: Any) -> None:
        if what == "came":
            self._came(*said)
            return
        self._cluster._machines = said[0]
        if self._cluster._room(said[0], self._taken["num_cpus"]):
            self._room_seen = time.monotonic()
        elif time.monotonic() - self._room_seen > ROOMLESS:
            self._cluster._lose(f"no machine has had room for a job for {ROOMLESS:g} s")

    def _came(self, place: int, what: str, said: Any) -> None:
        come = self._running.pop(place)
        if what == "gone":
            self._cluster._lose(said)
        elif what == "returned":
            self._found[place] = pickle.loads(said)
        elif what == "further":  # a worker of Ray's after one that was lost says so
            self._lost(place, said, 1, "its worker was lost")
        elif what == "stopped":
            self._lost(place, max(self._pieces[place].epochs(), come), 1, "its worker was told to stop")
        elif what == "lost":
            now = max(self._pieces[place].epochs(), come)
            losses = self._losses[place]
            before = losses.count if losses.before == come else 0
            tried = self._cluster._options.retries - before + 1
            self._lost(place, now, tried if now == come else 1, said)
        else:
            self._found[place] = WorkerLost(said, again=False)

    def _lost(self, place: int, come: int, times: int, said: str) -> None:
        """Send a job again whose workers were lost, so many in a row, unless that has been no use."""
        if self._stop.made:
            return
        losses, piece = self._losses[place], self._pieces[place]
        for _ in range(times):
            losses.add(come)
        if losses.count > self._cluster._options.retries:
            often = "" if losses.count == 1 else f", {losses.count} times without a new epoch"
            self._found[place] = WorkerLost(f"{said}{often}", again=False)
            return
        print(f"{piece.name}: {said}; it is launched again", flush=True)
        self._waiting.append(place)
