"""A run folder held by a file in it, where locks of the system do not reach other hosts.

Each time that somebody takes the folder the file has the next number, and is made as one that must be new,
which the servers of network file systems decide: of many that want a number one gets it. The newest is never
deleted, only said to be free, so that no number is given twice; who takes the next deletes those before. A
holder touches its file now and then. Who waits looks whether anything changes, by its own clock, so that the
clocks of hosts need not agree.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from regbench.errors import ConfigError
from regbench.folders.exclusion import USUAL, patience
from regbench.folders.holder import Holder, decoded, encoded, this_process
from regbench.folders.holder_files import FREE, Seen, aside, latest, make, number_of, numbers, path_of, read
from regbench.storage.files import write_bytes

SIGNS = 6  # within the time after which a lease without a sign is free
TRIES = 8  # to take the next number where others take them at this moment
SLOWEST = 2.0  # seconds that count between two looks: a server that hangs hides signs as well


class Locked(ConfigError):
    """Another living process works in the folder.

    Attributes:
        holder: that process; None where it is not known.
    """

    def __init__(self, sentence: object = "", holder: Holder | None = None) -> None:
        super().__init__(sentence)
        self.holder = holder

    @classmethod
    def by(cls, folder: Path, holder: Holder | None) -> Locked:
        """One by this process."""
        who = holder or "another process works in it"
        return cls(f"{folder}: {who}; wait for it, or stop it", holder)


class Lost(Locked):
    """Another process has taken the folder over from this one."""

    @classmethod
    def to(cls, folder: Path, holder: Holder | None) -> Lost:
        """To this process."""
        who = holder or "another process works in it"
        return cls(f"{folder}: was taken over, as no sign of this process had come for long; {who}", holder)


class Watch:
    """How long nothing has changed about leases that somebody looks at again and again.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Path, tuple[Seen, float, float]] = {}  # with the time, and the quiet time until then
        self._moved: set[Path] = set()

    def is_over(self, folder: Path, seen: Seen) -> bool:
        """Whether no sign of the holder came for as long as it has said; one that is near may be slow."""
        holder = seen.holder
        if holder is not None and holder.is_near:
            return False
        return self._quiet(folder, seen) >= ((holder and holder.patience) or USUAL)

    def is_in_doubt(self, folder: Path) -> bool:
        """Whether the holder is on another host, and has given no sign since the first look."""
        return folder in self._seen and folder not in self._moved

    def _quiet(self, folder: Path, seen: Seen) -> float:
        """Seconds without a change since the first look at the lease as it is."""
        now = self._clock()
        before, then, quiet = self._seen.get(folder, (seen, now, 0.0))
        if before != seen:
            self._moved.add(folder)
        quiet = quiet + min(now - then, SLOWEST) if before == seen else 0.0
        self._seen[folder] = seen, now, quiet
        return quiet


class Claimed:
    """The file by which this process holds a folder, as it was made.

    Args:
        path: of the file.
        content: of it.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content = path, content

    def require(self) -> None:
        """Refuse to go on where another process has taken the folder over.

        Raises:
            Lost: one has.
            OSError: it cannot be known.
        """
        folder = self.path.parent
        found = read(self.path)
        if found is None or found[0] != self.content:
            newest = latest(folder)
            raise Lost.to(folder, newest.holder if newest else None)
        following = read(path_of(folder, number_of(self.path) + 1))
        if following is not None:
            raise Lost.to(folder, decoded(following[0]))


class Lease:
    """A folder that this process holds by a file, of whose life it gives signs until it is closed.

    Args:
        claimed: the file.
        every: seconds between two signs.
    """

    def __init__(self, claimed: Claimed, every: float) -> None:
        self._claimed, self._every = claimed, every
        self._process, self._closed = os.getpid(), threading.Event()
        threading.Thread(target=self._live, name="lease", daemon=True).start()

    def follow(self, folder: Path) -> None:
        """The folder is called so from now on."""
        self._claimed.path = folder / self._claimed.path.name

    def require(self) -> None:
        """As that of `Claimed`."""
        self._claimed.require()

    def close(self) -> None:
        """Give it back, if it is still held."""
        if self._closed.is_set() or os.getpid() != self._process:
            return
        self._closed.set()
        with suppress(Lost, OSError):
            self.require()
            write_bytes(self._claimed.path, FREE, aside(self._claimed.path.parent))

    def _live(self) -> None:
        while not self._closed.wait(self._every):
            try:
                self.require()
                os.utime(self._claimed.path)  # by whatever clock: it is only looked whether it changes
            except Lost:
                return
            except OSError:  # the server may come back in time
                continue


def take(folder: Path, watch: Watch) -> Lease:
    """Take a folder that nobody has.

    Args:
        folder: of a run.
        watch: has looked at the lease that is there for long enough, if it is another host's.

    Raises:
        Locked: another process has it.
        OSError: the file cannot be made.
        ConfigError: a variable is wrong.
    """
    for _ in range(TRIES):
        seen = latest(folder)
        if seen is not None and not (seen.is_free or watch.is_over(folder, seen)):
            raise Locked.by(folder, seen.holder)
        path = path_of(folder, seen.number + 1 if seen else 1)
        claimed = Claimed(path, encoded(this_process(patience())))
        try:
            make(path, claimed.content)
        except FileExistsError:  # another process was faster
            continue
        there = numbers(folder)
        if max(there, default=0) > number_of(path):  # what this host remembered of the folder was old
            path.unlink(missing_ok=True)
            continue
        for number in there:
            if number < number_of(path):
                with suppress(OSError):
                    path_of(folder, number).unlink()
        return Lease(claimed, patience() / SIGNS)
    raise Locked.by(folder, None)


def own(folder: Path) -> Claimed | None:
    """The file by which this process holds a folder; None where it holds it by none.

    Raises:
        OSError: it cannot be known.
    """
    seen = latest(folder)
    holder = seen.holder if seen else None
    if seen is None or holder is None or not holder.is_here:
        return None
    return Claimed(path_of(folder, seen.number), seen.content)
