"""How far the run of a folder has come, as far as its files tell."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from regbench.errors import ConfigError, as_typed
from regbench.records.files import ENDED, METRICS, RECORD_VERSION, Damaged, read_summary
from regbench.storage import checkpoint
from regbench.storage.reading import require_folder, there

State = Literal["new", "left", "finished", "stopped", "diverged", "failed"]


def state_of(folder: Path) -> State:
    """How far the run of a folder has come; left: begun, and not ended.

    A run whose summary is damaged has not ended as far as anybody knows (`damage_of` says why).

    Raises:
        ConfigError: its record is of another version, or the folder is none.
    """
    if there(folder):
        require_folder(folder)
    try:
        summary = read_summary(folder)
    except Damaged:
        return "left"
    if summary is None:
        return "left" if there(folder / METRICS) or any(folder.glob("*.pt")) else "new"
    if summary.get("version", RECORD_VERSION) != RECORD_VERSION:
        raise ConfigError(
            f"{folder}: holds a record of version {summary.get('version')}, and this regbench writes "
            f"{RECORD_VERSION}; sweep into another folder with sweep=NAME"
        )
    status = summary["status"]
    return "left" if status == "interrupted" else status


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
    if (read_summary(folder) or {}).get("status") in ENDED:
        raise ConfigError(f"{folder}: holds a run that has ended; train into another folder")
