"""How others are kept out of a run folder: by locks, or by leases where locks do not reach all hosts."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

from regbench.errors import ConfigError, brief
from regbench.folders.filesystems import FileSystem, Reach, file_system_of

LOCKS = "REGBENCH_LOCKS"  # a variable: the way, where the file system is not to decide
PATIENCE = "REGBENCH_LEASE_SECONDS"  # likewise: after how long without a sign a lease is free
SHORTEST, USUAL, LONGEST = 1.0, 60.0, 86_400.0  # seconds


class Way(StrEnum):
    """By what a folder is held."""

    FLOCK = "flock"
    LEASE = "lease"


def way_of(folder: Path) -> Way:
    """By what a run folder is held.

    Raises:
        ConfigError: the variable that says it is none of the ways.
    """
    asked = _asked()
    return asked or (Way.FLOCK if file_system_of(folder).reach is Reach.ALL else Way.LEASE)


def patience() -> float:
    """Seconds without a sign of a holder on another host after which its lease is free.

    Raises:
        ConfigError: the variable that says it is no such number.
    """
    text = os.environ.get(PATIENCE, "").strip()
    try:
        seconds = float(text) if text else USUAL
    except ValueError:
        seconds = 0.0
    if not SHORTEST <= seconds <= LONGEST:
        raise ConfigError(
            f"{PATIENCE}: must be a number of seconds from {SHORTEST:g} to {LONGEST:g}, got {brief(text)!r}"
        )
    return seconds


def refuse_unsafe(folder: Path, key: str) -> None:
    """Refuse a sweep where two hosts could not be kept apart.

    Args:
        folder: of the sweep.
        key: the setting that names it.

    Raises:
        ConfigError: they could not.
    """
    found = file_system_of(folder)
    if _asked() is None and found.reach is Reach.NOBODY:
        raise ConfigError(
            f"{key}: {folder} lies on {found.kind}, where nothing keeps two hosts from running one job; name "
            f"a folder elsewhere, or set {LOCKS}={Way.FLOCK} where this host alone runs the sweep"
        )


def said(folder: Path) -> str:
    """A sentence on a folder whose locks do not reach all hosts, or may not; empty for others."""
    found = file_system_of(folder)
    if _asked() is not None or found.reach is Reach.ALL:
        return ""
    if found.reach is Reach.NOBODY:
        return f"{folder} lies on {found.kind}, where nothing keeps two hosts from running one job"
    return (
        f"{folder} lies on {_named(found)}, where locks {_reached(found)}: runs in it are held by leases, "
        f"which are free {patience():g} s after the last sign of a host; {_remedy(found)}"
    )


def _named(found: FileSystem) -> str:
    return f"{found.kind} ({found.option})" if found.option else found.kind


def _reached(found: FileSystem) -> str:
    return "hold on this host alone" if found.reach is Reach.ONE else "may hold on this host alone"


def _remedy(found: FileSystem) -> str:
    if found.remedy:
        return f"{found.remedy} for locks that reach all hosts"
    where = "this host alone works there" if found.reach is Reach.ONE else "they reach all hosts"
    return f"set {LOCKS}={Way.FLOCK} where {where}"


def _asked() -> Way | None:
    text = os.environ.get(LOCKS, "").strip()
    if text not in ("", *Way):
        raise ConfigError(f"{LOCKS}: must be {' or '.join(Way)}, got {brief(text)!r}")
    return Way(text) if text else None
