"""A run's start in its folder, or where it is gone on with."""

from __future__ import annotations

import os

from regbench.assembly.data import content_of
from regbench.assembly.device import cores, use_settings
from regbench.assembly.launched import this_rank
from regbench.assembly.run import build_run
from regbench.assembly.workload import threads_of
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.instantiation.boundary import reason as reason_of
from regbench.records.files import RECORD_VERSION, SUMMARY
from regbench.records.identity import identity
from regbench.runs.audited import audited
from regbench.runs.checkpoints import require_best, restore
from regbench.runs.folder import RunFolder
from regbench.runs.ongoing import Ongoing
from regbench.runs.progress import show_audit
from regbench.runs.sealed import require_same_data
from regbench.storage import checkpoint, checkpoint_form


class Unfit(ConfigError):
    """A checkpoint is whole, and not one of this run."""


def begin(home: RunFolder) -> Ongoing:
    """The run of a folder, built, before its first step.

    Raises:
        ConfigError: the configuration cannot be run.
        OSError: the folder cannot be written.
    """
    settings, _ = read_settings(home.config)
    settings.threads = threads_of(home.config)
    threads = use_settings(settings)
    found = audited(home.config, threads)
    (home.path / SUMMARY).unlink(missing_ok=True)
    run = build_run(home.config)
    found["warnings"] = [*run.data.warnings, *run.warnings, *found["warnings"]]
    show_audit(home.console, found["findings"], found["warnings"])
    for line in run.data.note.splitlines():
        home.console.print(f"data: {line}", markup=False, highlight=False, soft_wrap=True)
    for line in run.note.splitlines():
        home.console.print(f"train: {line}", markup=False, highlight=False, soft_wrap=True)
    return Ongoing(home, run, threads, found)


def take_up(home: RunFolder) -> Ongoing:
    """The run of a folder as it was after its last epoch that is kept; at its start where none is.

    Raises:
        ConfigError: there is nothing whole to continue from, or it is of another configuration.
        Unfit: what there is does not fit the configuration.
    """
    folder = home.path
    if not checkpoint.exists(folder):
        return begin(home)  # stopped within its first epoch
    try:
        state, complaint = checkpoint_form.newest(folder)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}") from error
    if complaint:
        home.console.print(f"{complaint}; continuing from the one before", markup=False, soft_wrap=True)
        os.replace(folder / checkpoint.PREVIOUS, folder / checkpoint.LAST)
    require_same_data(folder, home.config)
    if state["version"] != RECORD_VERSION:
        raise Unfit(
            f"{folder}: its checkpoint is of version {state['version']}, whose random draws are others than "
            f"those of {RECORD_VERSION}; train into a new folder"
        )
    if state["identity"] != identity(home.config, content_of(home.config, state.get("content"))):
        raise ConfigError(
            f"{folder}: its checkpoint is of a different configuration; move the folder away, "
            "and the line that has made it trains the run anew"
        )
    try:
        require_best(folder, state)
    except checkpoint.Damaged as error:
        raise ConfigError(f"{folder}: {error}; train into a new folder") from error
    settings, _ = read_settings(home.config)
    settings.threads = state["threads"]  # another number would change the last bits
    rank = this_rank()
    if rank is not None and home.config["threads"] is None:  # those of one process that had all cores
        settings.threads = min(settings.threads, max(1, cores() // rank.local_count))
    threads = use_settings(settings)
    ongoing = Ongoing(
        home, build_run(home.config, initial=False), threads, state["audit"], recorded=state.get("content")
    )
    try:
        restore(ongoing, state)
    except Exception as error:  # whatever a state does that is not this run's
        raise Unfit(f"{folder}: its checkpoint does not fit its configuration: {reason_of(error)}") from error
    return ongoing
