"""Who works in a run folder: one process at a time, on whatever machine shares the file system."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from regbench.errors import ConfigError
from regbench.folders.ownership import LOCK
from regbench.folders.removal import is_file

BETWEEN_TRIES = 0.5  # seconds
WORKED_IN = "{folder}: another process works in it; wait for it, or stop it"


class Locked(ConfigError):
    """Another living process works in the folder."""


@contextmanager
def locked(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold a run folder as long as the body runs.

    The lock is the operating system's, so that of a process that has died is free at once.

    Args:
        folder: the run folder.
        wait: whether to wait for another holder to let go.

    Raises:
        Locked: another living process holds it, and wait is false.
        ConfigError: it cannot be locked.
    """
    path = folder / LOCK
    _refuse_link(path)
    if not folder.is_dir():  # the lock would make it
        raise ConfigError(f"{folder}: cannot be locked, as it is not there")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0, poll_interval=BETWEEN_TRIES)
    except Timeout as error:
        raise Locked(WORKED_IN.format(folder=folder)) from error
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        why = getattr(error, "strerror", None) or "it has no locks"
        raise ConfigError(f"{folder}: cannot be locked by its {LOCK}: {why}") from error
    try:
        yield
    finally:
        lock.release()


def _refuse_link(path: Path) -> None:
    """Refuse to lock what a link leads to: locking may cut a file short."""
    if (path.exists() or path.is_symlink()) and not is_file(path):
        what = "a link" if path.is_symlink() else "none"
        raise ConfigError(f"{path}: must be a plain file of the run's own, and is {what}; delete it")


def is_locked(folder: Path) -> bool:
    """Whether a living process works in the folder now; of one that cannot be locked, none that is known."""
    if not (folder / LOCK).exists():
        return False
    try:
        with locked(folder):
            return False
    except Locked:
        return True
    except ConfigError:
        return False


def refuse_locked(folder: Path) -> None:
    """Refuse a folder that a living process works in now.

    Raises:
        Locked: one does.
    """
    if is_locked(folder):
        raise Locked(WORKED_IN.format(folder=folder))


def wait_for(folder: Path) -> None:
    """Return once nobody works in the folder."""
    while is_locked(folder):
        time.sleep(BETWEEN_TRIES)
