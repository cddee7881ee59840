"""A job as the words that a sweeper hands to a launcher, and what a launcher reads of them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from regbench.composition.compose import keys_of
from regbench.composition.spelling import quoted
from regbench.sweeps.jobs import Job

PLACE = ("hydra.sweep.dir", "hydra.sweep.subdir")


def words_of(job: Job) -> str:
    """The words that make a job, as they are typed in a shell, and the place of its folder."""
    where = [
        f"{key}={quoted(value)}" for key, value in zip(PLACE, (job.folder.parent, job.name), strict=True)
    ]
    return shlex.join([*_of_task(job.overrides), *where])


def _of_task(overrides: Sequence[str]) -> list[str]:
    """Without what is Hydra's own: the launcher adds that."""
    return [o for o, key in zip(overrides, keys_of(overrides), strict=True) if not key.startswith("hydra")]


def folder_in(words: Sequence[str]) -> Path | None:
    """The folder that a job's words name, absolute; None where they name none."""
    own = [word for word in words if word.startswith("hydra.sweep.")]
    read = {one.key_or_group: one.value() for one in OverridesParser.create().parse_overrides(own)}
    if not {*PLACE} <= read.keys():
        return None
    root, name = (OmegaConf.create({"value": str(read[key])}).value for key in PLACE)  # which undoes escapes
    return Path(os.path.abspath(root)) / name
