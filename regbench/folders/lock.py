"""Who works in a run folder: one process at a time, on whatever machine shares the file system."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from regbench.errors import ConfigError, brief, counted, listed
from regbench.folders.exclusion import Way, way_of
from regbench.folders.holder import Holder
from regbench.folders.holder_files import HOLDER, is_leased, latest, note, noted, numbers, path_of, unnote
from regbench.folders.lease import Lease, Locked, Lost, Watch, take
from regbench.folders.ownership import LOCK
from regbench.folders.placement import remove_unfinished
from regbench.folders.removal import is_file

__all__ = ["Locked", "Lost", "is_locked", "locked", "refuse_locked", "wait_for", "who_works_in"]
BETWEEN_TRIES = 0.5  # seconds
TAKEN = (errno.EAGAIN, errno.EACCES)  # what a system says of a lock that another process has


class Hold:
    """A run folder that this process holds.

    Args:
        folder: of the run.
        undo: lets go of it.
        lease: by which it is held; None where it is by a lock alone.
    """

    def __init__(self, folder: Path, undo: ExitStack, lease: Lease | None) -> None:
        self._folder, self._undo, self._lease, self._process = folder, undo, lease, os.getpid()

    def require(self) -> None:
        """Refuse to write on where the folder was taken over.

        Raises:
            Lost: it was.
            OSError: it cannot be known.
        """
        if self._lease:
            self._lease.require()

    def follow(self, folder: Path) -> None:
        """The folder is called so from now on."""
        self._folder = folder
        if self._lease:
            self._lease.follow(folder)

    def close(self) -> None:
        """Let go."""
        if self._lease is None and os.getpid() == self._process:
            unnote(self._folder)
        self._undo.close()


@contextmanager
def locked(folder: Path, wait: bool = False, watch: Watch | None = None) -> Iterator[Hold]:
    """Hold a run folder as long as the body runs.

    The lock is the operating system's, so that of a process that has died is free at once. Where such locks
    do not reach other hosts a lease is held as well.

    Args:
        folder: the run folder.
        wait: whether to wait for another holder to let go.
        watch: has seen the lease of another host's before; without it such a lease is not taken over at once.

    Raises:
        Locked: another living process holds it, and wait is false.
        ConfigError: it cannot be locked.
    """
    watch = watch or Watch()
    while True:
        try:
            hold = _taken(folder, watch)
            break
        except Locked:
            if not wait:
                raise
        time.sleep(BETWEEN_TRIES)
    try:
        remove_unfinished(folder)
        yield hold
    finally:
        hold.close()


def _taken(folder: Path, watch: Watch) -> Hold:
    for path in (folder / LOCK, *(path_of(folder, number) for number in numbers(folder))):
        _refuse_link(path)
    if not folder.is_dir():  # the lock would make it
        raise ConfigError(f"{folder}: cannot be locked, as it is not there")
    try:
        with ExitStack() as undo:
            if way_of(folder) is Way.FLOCK and not is_leased(folder):
                undo.callback(_lock(folder).release)
                note(folder)
                if is_leased(folder):  # another host, whose locks reach nobody else, was at it meanwhile
                    unnote(folder)
                    raise Locked.by(folder, _holder(folder))
                return Hold(folder, undo.pop_all(), None)
            undo.enter_context(_locked_here(folder))
            _refuse_noted(folder)
            lease = take(folder, watch)
            undo.callback(lease.close)
            _refuse_noted(folder)
            return Hold(folder, undo.pop_all(), lease)
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        why = getattr(error, "strerror", None) or "it has no locks"
        raise ConfigError(f"{folder}: cannot be locked by its {LOCK}: {why}") from error


def _lock(folder: Path) -> FileLock:
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Locked.by(folder, noted(folder)) from error
    return lock


@contextmanager
def _locked_here(folder: Path) -> Iterator[None]:
    """A lock that keeps out those whom it reaches, where there are such locks at all."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    with open(os.open(folder / LOCK, flags, 0o666), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in TAKEN:
                raise Locked.by(folder, _holder(folder)) from error
        yield


def _holder(folder: Path) -> Holder | None:
    """Who has the folder, as far as is written down."""
    seen = latest(folder)
    return (seen.holder if seen else None) or noted(folder)


def _refuse_noted(folder: Path) -> None:
    """Refuse a folder that another host may hold by a lock that does not reach this one."""
    holder = noted(folder)
    if holder is not None and not holder.is_here:
        end = "" if holder.is_near else f"; if it has ended, delete {folder / HOLDER}"
        raise Locked(f"{folder}: {holder}{end or '; wait for it, or stop it'}", holder)


def _refuse_link(path: Path) -> None:
    """Refuse to lock what a link leads to: locking may cut a file short."""
    if (path.exists() or path.is_symlink()) and not is_file(path):
        what = "a link" if path.is_symlink() else "none"
        raise ConfigError(f"{path}: must be a plain file of the run's own, and is {what}; delete it")


def is_locked(folder: Path) -> bool:
    """Whether a living process works in the folder now; of one that cannot be locked, none that is known."""
    return who_works_in(folder) is not None


def who_works_in(folder: Path, watch: Watch | None = None) -> Locked | None:
    """What is said of a folder that a living process works in now; of one that cannot be locked nothing is.

    Args:
        folder: of a run, which need not be there.
        watch: see `locked`.
    """
    if not (folder / LOCK).exists() and not numbers(folder):
        return None
    try:
        with locked(folder, watch=watch):
            return None
    except Locked as error:
        return error
    except ConfigError:
        return None


def refuse_locked(folder: Path, tell: Callable[[str], None] = lambda _: None) -> None:
    """Refuse a folder that a living process works in now.

    Whether one on another host lives, whose lease is there, is looked at until there is a sign of it.

    Args:
        folder: of a run.
        tell: is told once what is looked for.

    Raises:
        Locked: one does.
    """
    watch, told = Watch(), False
    while (error := who_works_in(folder, watch)) is not None:
        if not watch.is_in_doubt(folder):
            raise error
        if not told:
            who = error.holder or "another process works in it"
            tell(f"{folder}: {who}; looking for a sign that it still does")
            told = True
        time.sleep(BETWEEN_TRIES)


def wait_for(folders: Iterable[Path], tell: Callable[[str], None] = lambda _: None) -> None:
    """Return once nobody works in any of the folders.

    Args:
        folders: of runs.
        tell: is told once who is waited for.
    """
    watch, left, told = Watch(), list(folders), False
    while left:
        found = {folder: who_works_in(folder, watch) for folder in left}
        left = [folder for folder in left if found[folder] is not None]
        if left and not told:
            told = True
            _tell_of([error for error in found.values() if error is not None], tell)
        if left:
            time.sleep(BETWEEN_TRIES)


def _tell_of(found: Sequence[Locked], tell: Callable[[str], None]) -> None:
    """Say who is waited for, and of those that might be waited for for ever what to do."""
    holders = {error.holder for error in found if error.holder}
    named = sorted({f"process {one.process} on {brief(one.host, 80)}" for one in holders})
    tell(f"waiting for {counted(len(found), 'job')} of {listed(named, 3, ' and ') or 'other processes'}")
    for error in found:
        if error.holder and not (error.holder.is_near or error.holder.patience):
            tell(str(error))
