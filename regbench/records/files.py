"""The files of a run folder, written whole and read back; torch is not needed for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, as_typed
from regbench.records import summary
from regbench.records.summary import Summary
from regbench.records.typed import plain
from regbench.storage.files import Ready, at_once, write_json
from regbench.storage.reading import json_object

RECORD_VERSION = 3  # of what a run leaves behind: another one when the same run leaves other figures
READ_VERSIONS = (2, 3)  # whose ended runs are read, compared and found done; of the last alone runs go on
SUMMARY = "summary.json"
METRICS = "metrics.jsonl"
ENVIRONMENT = "environment.json"
LOG = "train.log"  # Hydra's, and the trace of what ended a run
UNEVEN = 3  # classes are, where the largest has more than so many times the rows of the smallest


class Damaged(ConfigError):
    """A run's summary cannot be used.

    Attributes:
        said: what is wrong, with the name of the file.
    """

    def __init__(self, folder: Path, said: str) -> None:
        remedy = (
            f"put it back, or remove it and type `regbench resume {as_typed(folder)}`, which writes it anew"
        )
        super().__init__(f"{folder}: {said}; {remedy}")
        self.said = said


def read_summary(folder: Path) -> Summary | None:
    """The summary of a run folder, its keys checked; None where there is none yet.

    Raises:
        Damaged: it is not whole, or not that of a run.
    """
    try:
        found = json_object(folder / SUMMARY)
        return None if found is None else summary.read(found, READ_VERSIONS)
    except ValueError as error:
        said = str(error) if str(error).startswith(SUMMARY) else f"{SUMMARY} is not that of a run: {error}"
        raise Damaged(folder, said) from error


def undamaged(folder: Path) -> Summary | None:
    """The summary of a run folder; None where there is none, or one that cannot be used."""
    try:
        return read_summary(folder)
    except Damaged:
        return None


def write_summary(folder: Path, whole: Summary, ready: Ready = at_once) -> None:
    """Put a run's summary into its folder, and on the disk: checkpoints are deleted once it is there.

    Args:
        folder: of the run.
        whole: its summary.
        ready: see `storage.files.replaced`.
    """
    write_json(folder / SUMMARY, plain(whole), sync=True, ready=ready)


def change_summary(folder: Path, **changes: Any) -> None:
    """Write these fields of the summary of a folder anew, and leave whatever else it holds as it is."""
    found = json_object(folder / SUMMARY) or {}
    write_json(folder / SUMMARY, found | {name: plain(value) for name, value in changes.items()}, sync=True)


def uneven(rows: Sequence[int]) -> bool:
    """Whether classes with these rows are so uneven that accuracy says little of the small ones."""
    return bool(rows) and max(rows) > UNEVEN * min(rows)
