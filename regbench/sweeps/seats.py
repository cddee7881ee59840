"""Jobs in processes that another's launcher starts: each is told what is shared, and takes a seat."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from omegaconf import DictConfig

from regbench.errors import ConfigError
from regbench.folders.lock import Locked, locked
from regbench.storage.shared import Shared
from regbench.sweeps.forking import LOST

T = TypeVar("T")
BETWEEN_LOOKS = 0.05  # seconds, while those before a process are ending
LONGEST = 120.0  # seconds that they may take to end
TICK = 0.5  # seconds between two looks at whether the process of the sweep lives


@dataclass(frozen=True)
class Seats:
    """Places of which a process takes one for its life; that of a process that has died is free at once.

    Attributes:
        folder: that the processes share.
        environments: of each place, what a process has in its environment there.
    """

    held: ClassVar[ExitStack] = ExitStack()  # the lock of this process's seat
    taken: ClassVar[Path | None] = None  # this process's seat

    folder: Path
    environments: Sequence[Mapping[str, str]]

    def take(self) -> None:
        """Give this process a seat, unless it has one; wait for one to be free.

        Raises:
            ConfigError: the folder is gone, or cannot be locked; or none has become free.
        """
        if not self.environments or (Seats.taken and Seats.taken.parent == self.folder):
            return
        Seats.held.close()
        number = self._free()
        Seats.taken = self._place(number)
        os.environ.update(self.environments[number])

    def made(self) -> Seats:
        """These, their places there."""
        for number in range(len(self.environments)):
            self._place(number).mkdir(exist_ok=True)
        return self

    def _free(self) -> int:
        """The first free one, held from now on."""
        end = time.monotonic() + LONGEST
        while time.monotonic() < end:
            for number in range(len(self.environments)):
                with suppress(Locked):
                    Seats.held.enter_context(locked(self._place(number)))
                    return number
            time.sleep(BETWEEN_LOOKS)
        raise ConfigError(
            f"hydra/launcher: must start no more processes than the {len(self.environments)} places on GPUs, "
            "and none has become free; the same line goes on"
        )

    def _place(self, number: int) -> Path:
        return self.folder / f"seat_{number}"


@dataclass(frozen=True)
class InWorker(Generic[T]):
    """A task that may be run by another process, which knows of this one only what it is sent.

    Attributes:
        run: the task.
        shared: the folder of what the processes of the sweep share.
        seats: of which a process takes one before it asks for a GPU.
        home: the process of the sweep, which has no seat; where one job runs at once it may run it itself.
    """

    run: Callable[[DictConfig], T]
    shared: Path | None
    seats: Seats | None
    home: int = field(default_factory=os.getpid)

    def __call__(self, cfg: DictConfig) -> T:
        if os.getpid() != self.home:
            end_with(self.home)
            Shared.folder = self.shared
            if self.seats:
                self.seats.take()
        return self.run(cfg)


@functools.cache
def end_with(home: int) -> None:
    """End this process, as if killed, once that one has ended: joblib's would go on, and keep its GPU."""
    if hasattr(os, "fork"):  # elsewhere there is no asking whether a process lives
        threading.Thread(target=_watch, args=(home,), daemon=True).start()


def _watch(home: int) -> None:
    with suppress(ProcessLookupError):
        while True:
            os.kill(home, 0)
            time.sleep(TICK)
    os._exit(LOST)
