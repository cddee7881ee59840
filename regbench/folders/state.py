"""How far the run of a folder has come, as far as its files tell."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from regbench.errors import ConfigError, as_typed
from regbench.records.files import METRICS, READ_VERSIONS, RECORD_VERSION, Damaged, read_summary
from regbench.records.status import Status
from regbench.records.summary import Summary
from regbench.storage import checkpoint
from regbench.storage.reading import require_folder, there


class State(StrEnum):
    """How far the run of a job's folder has come."""

    NEW = "new"
    LEFT = "left"  # begun, and not ended
    FINISHED = Status.FINISHED
    STOPPED = Status.STOPPED
    DIVERGED = Status.DIVERGED
    PRUNED = Status.PRUNED
    FAILED = Status.FAILED

    @property
    def finished(self) -> bool:
        """Whether the run came to its end by itself."""
        return self not in (State.NEW, State.LEFT) and Status(self).finished

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.finished or self in (State.DIVERGED, State.PRUNED)


def state_of(folder: Path) -> State:
    """How far the run of a folder has come.

    A run whose summary is damaged has not ended as far as anybody knows (`damage_of` says why).

    Raises:
        ConfigError: its record is of another version, or the folder is none.
    """
    return read_state(folder)[0]


def read_state(folder: Path) -> tuple[State, Summary | None]:
    """The same, with the summary that says so, where one does.

    Raises:
        ConfigError: as `state_of`.
    """
    if there(folder):
        require_folder(folder)
    try:
        summary = read_summary(folder)
    except Damaged:
        return State.LEFT, None
    if summary is None:
        begun = there(folder / METRICS) or any(folder.glob("*.pt"))
        return State.LEFT if begun else State.NEW, None
    if summary.version not in (None, *READ_VERSIONS):
        raise ConfigError(
            f"{folder}: holds a record of version {summary.version}, and this regbench writes "
            f"{RECORD_VERSION}; sweep into another folder with sweep=NAME"
        )
    status = summary.status
    return State.LEFT if status is Status.INTERRUPTED else State(status), summary


def damage_of(folder: Path) -> str:
    """Why a job counts as not done though it has a summary; empty where it has none, or a sound one."""
    try:
        read_summary(folder)
    except Damaged as error:
        return error.said
    return ""


def refuse_begun(folder: Path) -> None:
    """Refuse to train from the start where a run has been begun that can be continued, or has ended.

    Raises:
        ConfigError: one has.
    """
    if checkpoint.exists(folder):
        raise ConfigError(
            f"{folder}: holds a checkpoint to continue; type regbench resume {as_typed(folder)}"
        )
    summary = read_summary(folder)
    if summary and summary.status.ended:
        raise ConfigError(f"{folder}: holds a run that has ended; train into another folder")
