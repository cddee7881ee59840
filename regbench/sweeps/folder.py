"""The folder that a sweep lives in, and those of its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from regbench.assembly.data import content_of
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import keys_of
from regbench.composition.composed import Composed
from regbench.errors import ConfigError
from regbench.folders.exclusion import refuse_unsafe
from regbench.folders.placement import refuse_place, refuse_strange
from regbench.sweeps.jobs import Job, arrange, sweep_name

SWEEPS = Path("outputs") / "sweeps"


@dataclass(frozen=True)
class SweepFolder:
    """Where a sweep lives, the words of a command line that say so, and the key that decides it."""

    root: Path
    words: list[str]
    key: str


def place_of(line: CommandLine, composed: Sequence[Composed]) -> SweepFolder:
    """The folder of the jobs of a command line.

    Raises:
        ConfigError: they do not share one, or the command line names the jobs' folders itself.
    """
    keys = keys_of(line.overrides)
    options = ["--config-dir", line.config_dir] if line.config_dir else []
    if "hydra.sweep.subdir" in keys:
        raise ConfigError("hydra.sweep.subdir: is made of a job's stack, seed and identity; leave it out")
    names = {one.config["sweep"] for one in composed}
    if len(names) > 1:
        raise ConfigError(f"sweep: must be one name for all jobs, got {', '.join(map(str, sorted(names)))}")
    if "hydra.sweep.dir" in keys:
        roots = {one.folder for one in composed}
        if len(roots) > 1:
            raise ConfigError(f"hydra.sweep.dir: must be one folder for all jobs, got {len(roots)}")
        (root,) = roots
        return SweepFolder(root, [f"hydra.sweep.dir={root}", *options], "hydra.sweep.dir")
    name = names.pop() or sweep_name([one.choices for one in composed])
    return SweepFolder(SWEEPS / name, [f"sweep={name}", *options], "sweep")


def arranged(line: CommandLine, composed: Sequence[Composed]) -> tuple[SweepFolder, list[Job]]:
    """The place of the jobs of a command line, and each job once with its folder there.

    Raises:
        ConfigError: see `place_of`; or a folder that is there is a person's own, or nothing keeps two hosts
            from running one job.
    """
    place = place_of(line, composed)
    refuse_place(place.root, place.key)
    refuse_unsafe(place.root, place.key)
    jobs = arrange(composed, place.root, content_of, line.force)
    for one in jobs:
        refuse_strange(one.folder, place.key)
    return place, jobs
