"""The jobs of a sweep: what each is called, and where it lives."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any

from regbench.composition.composed import Composed
from regbench.errors import ConfigError
from regbench.records.files import METRICS
from regbench.records.identity import DIGITS, identity, stem
from regbench.storage.reading import sentence


@dataclass(frozen=True)
class Job:
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

    def epochs(self) -> int:
        """How many epochs of its run are recorded."""
        return epochs_in(self.folder)


def epochs_in(folder: Path) -> int:
    """How many epochs of a folder's run are recorded."""
    with suppress(OSError):
        return (folder / METRICS).read_bytes().count(b"\n")
    return 0


def arrange(
    composed: Iterable[Composed],
    root: Path,
    digest: Callable[[Mapping[str, Any]], str],
    force: bool,
) -> list[Job]:
    """Give each configuration its folder below `root`; those with the same identity are one job.

    Args:
        composed: overrides and resolved configuration of each, in order.
        root: the sweep's folder.
        digest: the content hash of a configuration's dataset, empty where checksums pin it.
        force: give each a folder that is not there yet.
    """
    present = _present(root)
    jobs: dict[str, Job] = {}
    for one in composed:
        name = f"{stem(one.config)}_{identity(one.config, digest(one.config))[:DIGITS]}"
        if name not in jobs:
            folder = root / (_unused(name, present) if force else _newest(name, present))
            jobs[name] = Job(len(jobs), one.overrides, one.config, folder)
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
    return [name, *takewhile(present.__contains__, _again(name))][-1]


def _unused(name: str, present: set[str]) -> str:
    return next(one for one in chain([name], _again(name)) if one not in present)


def _again(name: str) -> Iterator[str]:
    """What the folders of a job that is run again and again are called: _2, _3 and so on."""
    return (f"{name}_{number}" for number in count(2))


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
