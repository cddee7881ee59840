"""What the ranks of one run tell each other beside their steps, by the store that torchrun keeps for them."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any

import torch.distributed as dist

from regbench.assembly.launched import Rank
from regbench.errors import ConfigError

BETWEEN_LOOKS = 0.05  # seconds; a signal is heeded meanwhile, which in a call that waits it is not
SLOWEST = timedelta(hours=1)  # that a rank may be behind the others
JOB, GO, ENDED = "job", "go", "ended"


class Meeting:
    """Of all ranks that torchrun has started together.

    Args:
        rank: this one.

    Raises:
        ConfigError: the store cannot be reached.
    """

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        try:
            store, _, _ = next(dist.rendezvous("env://"))
        except (RuntimeError, ValueError) as error:
            raise ConfigError(f"torchrun: its store cannot be reached: {error}") from error
        # what was said before torchrun started all of them again is still there
        self._store = dist.PrefixStore(f"regbench/{rank.restarts}", store)

    def call(self, job: dict[str, Any], asked: Callable[[], bool]) -> bool:
        """Say what is to be trained, and wait until all others have built it; whether they have.

        Args:
            job: plain values.
            asked: whether to wait no more.

        Raises:
            ConfigError: one cannot build it.
        """
        self._store.set(JOB, json.dumps(job))
        for other in range(1, self._rank.count):
            while not self._store.check([_ready(other)]):
                if reason := self.failure():
                    raise ConfigError(reason)
                if asked():
                    return False
                time.sleep(BETWEEN_LOOKS)
        self._store.set(GO, "")
        return True

    def job(self) -> dict[str, Any] | None:
        """What is to be trained; None where the first rank has ended without training."""
        if self._heard(JOB) == ENDED:
            return None
        job: dict[str, Any] = json.loads(self._store.get(JOB))
        return job

    def get_ready(self) -> bool:
        """Say that the job is built here, and wait for the others; whether all are to train it."""
        self._store.set(_ready(self._rank.number), "")
        return self._heard(GO) == GO

    def fail(self, reason: str) -> None:
        """Say why nothing more is to be expected of this rank."""
        self._store.set(_failed(self._rank.number), reason)
        self._store.get(_failed(self._rank.number))  # once that is answered, it is there for others

    def failure(self) -> str:
        """Why a rank has failed, a sentence; empty where none has said so."""
        for other in range(1, self._rank.count):
            with suppress(RuntimeError):  # torchrun has gone, too
                if self._store.check([_failed(other)]):
                    return f"rank {other}: {self._store.get(_failed(other)).decode()}"
        return ""

    def join(self, backend: str) -> None:
        """Make the process group of all ranks."""
        dist.init_process_group(
            backend,
            store=dist.PrefixStore("group", self._store),
            rank=self._rank.number,
            world_size=self._rank.count,
            timeout=SLOWEST,
        )

    def dismiss(self, status: int) -> None:
        """Say that nothing more is to come but an end with this exit status."""
        self._hold_out()
        with suppress(RuntimeError):
            self._store.set(ENDED, str(status))

    def status(self) -> int:
        """The exit status of the first rank, once it has ended; 0 where nobody is left to say it."""
        self._heard(ENDED)
        self._hold_out()
        with suppress(RuntimeError):
            return int(self._store.get(ENDED))
        return 0

    def _hold_out(self) -> None:
        """Torchrun sends all a signal as soon as one has ended, which must change nobody's status."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _heard(self, key: str) -> str:
        """What is said first: this, or that the first rank has ended, with whom the store may go."""
        with suppress(RuntimeError):
            while not self._store.check([ENDED]):
                if self._store.check([key]):
                    return key
                time.sleep(BETWEEN_LOOKS)
        return ENDED


@cache
def meeting_of(rank: Rank) -> Meeting:
    """The meeting that a rank takes part in, whichever part of the program asks."""
    return Meeting(rank)


def _ready(number: int) -> str:
    return f"ready/{number}"


def _failed(number: int) -> str:
    return f"failed/{number}"
