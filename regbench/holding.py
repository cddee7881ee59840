"""Who works in a run folder: one process at a time, on whatever machine shares the file system."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from regbench.errors import ConfigError

LOCK = ".lock"
BETWEEN_TRIES = 0.5  # seconds


class Held(ConfigError):
    """Another living process works in the folder."""


@contextmanager
def held(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold a run folder, which is made where it is missing, as long as the body runs.

    The lock is the operating system's, so that of a process that has died is free at once.

    Args:
        folder: the run folder.
        wait: whether to wait for another holder to let go.

    Raises:
        Held: another living process holds it, and wait is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=-1 if wait else 0, poll_interval=BETWEEN_TRIES)
    except Timeout as error:
        raise Held(f"{folder}: another process works in it; wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Whether a living process works in the folder now."""
    if not (folder / LOCK).exists():
        return False
    try:
        with held(folder):
            return False
    except Held:
        return True


def wait_for(folder: Path) -> None:
    """Return once nobody works in the folder."""
    while is_held(folder):
        time.sleep(BETWEEN_TRIES)
