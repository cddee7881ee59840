"""The jobs of a sweep: what each is called, where it lives, and how far it has come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from regbench.errors import ConfigError
from regbench.records.files import METRICS, RECORD_VERSION, Damaged, read_summary
from regbench.records.identity import DIGITS, identity, stem
from regbench.records.status import Status
from regbench.storage.reading import require_folder, sentence, there


class State(StrEnum):
    """How far the run of a job's folder has come."""

    NEW = "new"
    LEFT = "left"  # begun, and not ended
    FINISHED = Status.FINISHED
    STOPPED = Status.STOPPED
    DIVERGED = Status.DIVERGED
    FAILED = Status.FAILED

    @property
    def finished(self) -> bool:
        """Whether the run came to its end by itself."""
        return self not in (State.NEW, State.LEFT) and Status(self).finished

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.finished or self is State.DIVERGED


class Composed(Protocol):
    """What a command line has been made into."""

    config: dict[str, Any]
    overrides: list[str]


@dataclass(frozen=True)
class SweepJob:
    """One configuration of a sweep.

    Attributes:
        number: its place in the sweep, from 0.
        overrides: the words of the command line that make it.
        config: resolved.
        folder: where its run lives.
    """

    number: int
    overrides: list[str]
    config: Mapping[str, Any]
    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


def state_of(folder: Path) -> State:
    """How far the run of a folder has come.

    A run whose summary is damaged has not ended as far as anybody knows (`damage_of` says why).

    Raises:
        ConfigError: its record is of another version, or the folder is none.
    """
    if there(folder):
        require_folder(folder)
    try:
        summary = read_summary(folder)
    except Damaged:
        return State.LEFT
    if summary is None:
        return State.LEFT if there(folder / METRICS) or any(folder.glob("*.pt")) else State.NEW
    if summary.get("version", RECORD_VERSION) != RECORD_VERSION:
        raise ConfigError(
            f"{folder}: holds a record of version {summary.get('version')}, and this regbench writes "
            f"{RECORD_VERSION}; sweep into another folder with sweep=NAME"
        )
    status = Status(summary["status"])
    return State.LEFT if status is Status.INTERRUPTED else State(status)


def damage_of(folder: Path) -> str:
    """Why a job counts as not done though it has a summary; empty where it has none, or a sound one."""
    try:
        read_summary(folder)
    except Damaged as error:
        return error.said
    return ""


def arrange(
    composed: Iterable[Composed],
    root: Path,
    digest: Callable[[Mapping[str, Any]], str],
    force: bool,
) -> list[SweepJob]:
    """Give each configuration its folder below `root`; those with the same identity are one job.

    Args:
        composed: overrides and resolved configuration of each, in order.
        root: the sweep's folder.
        digest: the content hash of a configuration's dataset, empty where checksums pin it.
        force: give each a folder that is not there yet.
    """
    present = _present(root)
    jobs: dict[str, SweepJob] = {}
    for one in composed:
        name = f"{stem(one.config)}_{identity(one.config, digest(one.config))[:DIGITS]}"
        if name not in jobs:
            folder = root / (_unused(name, present) if force else _newest(name, present))
            jobs[name] = SweepJob(len(jobs), one.overrides, one.config, folder)
    return list(jobs.values())


def _present(root: Path) -> set[str]:
    """What there is in the folder of a sweep, which need not be there."""
    try:
        return set(os.listdir(root))
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise ConfigError(
            f"hydra.sweep.dir: {root} must be a folder, and cannot be read: {sentence(error)}"
        ) from error


def _newest(name: str, present: set[str]) -> str:
    """The last of the folders that a job has by --force, or its only one."""
    found, number = name, 2
    while f"{name}_{number}" in present:
        found, number = f"{name}_{number}", number + 1
    return found


def _unused(name: str, present: set[str]) -> str:
    if name not in present:
        return name
    number = 2
    while f"{name}_{number}" in present:
        number += 1
    return f"{name}_{number}"


def sweep_name(choices: Sequence[Mapping[str, str]]) -> str:
    """What a sweep is called by default: its datasets and its models."""
    parts = (dict.fromkeys(choice[group] for choice in choices) for group in ("dataset", "model"))
    return "_".join("+".join(names) for names in parts)


def size_of(folder: Path) -> int:
    """Bytes of all files of a run folder."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # what is taken away at this moment
            size += path.stat().st_size if path.is_file() else 0
    return size
