"""One call of the launcher: its jobs sent to the process that speaks with Ray, counted, and collected."""

from __future__ import annotations

import math
import pickle
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from regbench.runs.interruption import StopRequest
from regbench.sweeps.losses import Losses, WorkerLost
from regbench.sweeps.on_ray.options import Options
from regbench.sweeps.on_ray.pieces import Piece

TICK = 0.2  # seconds between two looks at whether a signal has come
ROOMLESS = 60.0  # seconds for which no machine of the cluster may have room for a job


class Gone(Exception):
    """There is no cluster any more."""


def room(machines: Sequence[tuple[float, float]], taken: Mapping[str, float]) -> int:
    """For how many jobs at once there is room.

    Args:
        machines: CPUs and GPUs of each.
        taken: `num_cpus` and `num_gpus` of each job.
    """
    needs = [(place, taken[key]) for place, key in enumerate(("num_cpus", "num_gpus")) if taken[key]]
    return sum(min(math.floor(one[place] / need + 1e-6) for place, need in needs) for one in machines)


def _itself(lost: WorkerLost) -> WorkerLost:
    return lost


class Call:
    """Has jobs run, and each of which a worker is lost run again, until that is no use.

    Ray itself tries a job again that has not come any further. One that has is handed back by the worker that
    takes it up, so that its losses are counted from there.

    Args:
        channel: to the process that speaks with Ray.
        pieces: the jobs.
        options: what is asked of Ray.
        taken: `num_cpus` and `num_gpus` of each job.
        stop: whether a signal has come.
        unable: is called as soon as a job is given up, as with --fail-fast none begins after that; what it
            returns is taken for what the job returned.
    """

    def __init__(
        self,
        channel: Connection,
        pieces: Sequence[Piece],
        options: Options,
        taken: Mapping[str, float],
        stop: StopRequest,
        unable: Callable[[WorkerLost], Any] = _itself,
    ) -> None:
        self._channel, self._pieces, self._options = channel, pieces, options
        self._taken, self._stop, self._unable = taken, stop, unable
        self._waiting = deque(range(len(pieces)))
        self._running: dict[int, int] = {}  # by its place, how many epochs a job had when it was sent
        self._losses = [Losses() for _ in pieces]
        self._found: dict[int, Any] = {}
        self._room_seen = time.monotonic()

    def __call__(self) -> list[Any]:
        """What Hydra returned for each; a `WorkerLost`, not to be repeated, of one that was given up.

        Where a signal has come, when what ran has stopped; what comes of those that have not run is None.

        Raises:
            Gone: there is no cluster any more.
            OSError: nobody speaks with Ray any more; likewise EOFError.
        """
        most, told = self._options.at_once or len(self._pieces), False
        while self._running or (self._waiting and not self._stop.made):
            while self._waiting and len(self._running) < most and not self._stop.made:
                self._send(self._waiting.popleft())
            if self._stop.made and not told:
                self._channel.send(("stop",))
                told = True
            if self._channel.poll(TICK):
                self._take(*self._channel.recv())
        return [self._found.get(place) for place in range(len(self._pieces))]

    def _send(self, place: int) -> None:
        piece = self._pieces[place]
        come = max(piece.epochs(), self._losses[place].before, 0)
        options = {**self._taken, "max_retries": self._options.retries - self._lost_at(place, come)}
        self._channel.send(("job", place, pickle.dumps(piece), come, options))
        self._running[place] = come

    def _lost_at(self, place: int, come: int) -> int:
        """How many workers of a job were lost in a row when it had come this far."""
        losses = self._losses[place]
        return losses.count if losses.before == come else 0

    def _take(self, what: str, *said: Any) -> None:
        if what == "came":
            self._came(*said)
        elif room(said[0], self._taken):
            self._room_seen = time.monotonic()
        elif time.monotonic() - self._room_seen > ROOMLESS:
            raise Gone(f"no machine has had room for a job for {ROOMLESS:g} s")

    def _came(self, place: int, what: str, said: Any) -> None:
        come = self._running.pop(place)
        now = max(self._pieces[place].epochs(), come)
        if what == "gone":
            raise Gone(said)
        if what == "returned":
            self._found[place] = pickle.loads(said)
        elif what == "further":  # says a worker that Ray has given the job to after one that was lost
            self._lose(place, said, 1, "its worker was lost")
        elif what == "stopped":
            self._lose(place, now, 1, "its worker was told to stop")
        elif what == "lost":
            tries = self._options.retries - self._lost_at(place, come) + 1
            self._lose(place, now, tries if now == come else 1, said)
        else:
            self._found[place] = self._unable(WorkerLost(said, again=False))

    def _lose(self, place: int, come: int, times: int, said: str) -> None:
        """Send a job again of which so many workers were lost in a row, unless that has been no use."""
        if self._stop.made:
            return
        losses, piece = self._losses[place], self._pieces[place]
        for _ in range(times):
            losses.add(come)
        if losses.count > self._options.retries:
            often = "" if losses.count == 1 else f", {losses.count} times without a new epoch"
            self._found[place] = self._unable(WorkerLost(f"{said}{often}", again=False))
            return
        print(f"{piece.name}: {said}; it is launched again", flush=True)
        self._waiting.append(place)
