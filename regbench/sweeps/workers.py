"""Processes that stay, and work at what is handed to them side by side; one that dies takes nothing along."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from regbench.errors import ConfigError
from regbench.runs.interruption import StopRequest
from regbench.sweeps.forking import Server, Stopped
from regbench.sweeps.losses import MOST_LOSSES, Losses

TICK = 0.2  # seconds between two looks at whether a signal has come


@dataclass
class Piece:
    """Work for one worker at a time.

    Attributes:
        asked: what the worker is sent.
        weight: how many of the slots it takes; 0: a seat instead, where there are any.
        came: how far it has come, a number that grows; asked when its worker has died.
        losses: of workers that have died at it.
    """

    asked: Any
    weight: int
    came: Callable[[], int]
    losses: Losses = field(default_factory=Losses)

    def lost(self) -> bool:
        """Whether another worker's death at it was one too many."""
        return self.losses.add(self.came())


@dataclass(eq=False)
class _Worker:
    channel: Connection
    seat: int | None = None  # the number of it
    pid: int = 0
    piece: int | None = None  # the number of what it is at
    told: bool = field(default=False)


class Workers:
    """The workers of a sweep, each started when it is first needed.

    Args:
        server: starts them.
        environment: of each; what is there already is replaced.
        seats: for each worker that takes one, what it has in its environment besides.
    """

    def __init__(
        self,
        server: Server,
        environment: Mapping[str, str] | None = None,
        seats: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self._server, self._environment = server, dict(environment or {})
        self._seats = [dict(seat) for seat in seats]
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def __call__(self, pieces: Sequence[Piece], slots: int) -> list[Any]:
        """What comes of each: what the worker returned, or what it raised, or `ConfigError` where they died.

        Args:
            pieces: begun in this order; of those that take a seat as many at once as there are seats.
            slots: that the others that are worked at together take at most; one that takes more is alone.

        Raises:
            KeyboardInterrupt: a signal has come; what was worked at has stopped.
            OSError: no worker can be started.
        """
        came: dict[int, Any] = {}
        waiting = deque(range(len(pieces)))
        with StopRequest() as stop:
            while self._busy or (waiting and not stop.made):
                if stop.made:
                    self._stop()
                while waiting and not stop.made and self._fits(pieces, waiting[0], slots):
                    self._hand_over(pieces, waiting.popleft())
                for one in wait([worker.channel for worker in self._busy], TICK):
                    self._take(next(w for w in self._busy if w.channel is one), pieces, waiting, came, stop)
        if stop.made:
            raise KeyboardInterrupt
        return [came[number] for number in range(len(pieces))]

    def close(self) -> None:
        """End all of them, at once."""
        for worker in (*self._idle, *self._busy):
            worker.channel.close()
        self._idle, self._busy = [], []
        self._server.close()

    def _fits(self, pieces: Sequence[Piece], number: int, slots: int) -> bool:
        if self._is_seated(pieces[number]):
            return len(self._taken()) < len(self._seats)
        weights = [pieces[worker.piece].weight for worker in self._busy if worker.piece is not None]
        return not any(weights) or sum(weights) + pieces[number].weight <= slots

    def _is_seated(self, piece: Piece) -> bool:
        return not piece.weight and bool(self._seats)

    def _taken(self) -> set[int]:
        """Seats of workers that are at something."""
        return {worker.seat for worker in self._busy if worker.seat is not None}

    def _hand_over(self, pieces: Sequence[Piece], number: int) -> None:
        worker = self._free(self._free_seat() if self._is_seated(pieces[number]) else None)
        worker.piece = number
        self._busy.append(worker)
        with suppress(OSError):  # it has died while it was idle, which is seen when it is listened to
            if not worker.pid:
                seat = {} if worker.seat is None else self._seats[worker.seat]
                worker.channel.send(self._environment | seat)
            worker.channel.send(pieces[number].asked)

    def _free_seat(self) -> int:
        return min(set(range(len(self._seats))) - self._taken())

    def _free(self, seat: int | None) -> _Worker:
        """A worker on this seat, or on none, that is at nothing."""
        for worker in reversed(self._idle):
            if worker.seat == seat:
                self._idle.remove(worker)
                return worker
        return self._started(seat)

    def _started(self, seat: int | None) -> _Worker:
        try:
            return _Worker(self._server.start(), seat)
        except OSError as error:
            raise ConfigError(
                "hydra/launcher: must have the process that starts its workers, and that was killed; "
                "the same line goes on"
            ) from error

    def _stop(self) -> None:
        """Pass a signal on, once to each that works."""
        for worker in self._busy:
            if worker.pid and not worker.told:
                worker.told = True
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGINT)

    def _take(
        self,
        worker: _Worker,
        pieces: Sequence[Piece],
        waiting: deque[int],
        came: dict[int, Any],
        stop: StopRequest,
    ) -> None:
        """Hear what a worker says, or that it is no more."""
        number = worker.piece
        assert number is not None
        try:
            said = worker.channel.recv()
        except (EOFError, OSError):
            said = Stopped()
        if not worker.pid and isinstance(said, int):
            worker.pid = said
            return
        self._busy.remove(worker)
        if not isinstance(said, Stopped):
            came[number] = said
            self._idle.append(worker)
            return
        worker.channel.close()
        if stop.made:
            return
        if pieces[number].lost():
            came[number] = ConfigError(f"its worker processes were killed, {MOST_LOSSES} in a row")
        else:
            waiting.appendleft(number)
