"""The files of a run folder, written whole and read back; torch is not needed for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, as_typed
from regbench.records import form as summary_form
from regbench.records.form import is_count, is_figure
from regbench.storage.reading import LARGEST_LINES, content, json_object

RECORD_VERSION = 2  # of what a run leaves behind; part of a configuration's identity
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


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a run folder, its keys checked (`summary_form.check`); None where there is none yet.

    Raises:
        Damaged: it is not whole, or not that of a run.
    """
    try:
        summary = json_object(folder / SUMMARY)
        if summary is not None:
            summary_form.check(summary, RECORD_VERSION)
    except ValueError as error:
        said = str(error) if str(error).startswith(SUMMARY) else f"{SUMMARY} is not that of a run: {error}"
        raise Damaged(folder, said) from error
    return summary


def undamaged(folder: Path) -> dict[str, Any]:
    """The summary of a run folder; empty where there is none, or one that cannot be used."""
    try:
        return read_summary(folder) or {}
    except Damaged:
        return {}


def read_lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of a `metrics.jsonl` up to the first that is not whole, and complaints where there is cause.

    Values that are no figures (`is_figure`) are left out. Where there is no file there are no lines.

    Raises:
        OSError, ValueError: as `regbench.storage.reading.content`.
    """
    lines: list[dict[str, Any]] = []
    wrong, complaints = 0, []
    whole_text = (content(path, LARGEST_LINES) or b"").decode(errors="replace")
    for number, text in enumerate(whole_text.splitlines(), 1):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict) or not is_count(values.get("epoch")):
            complaints.append(f"line {number} of {path.name} is not whole; those before it are used")
            break
        if not all(map(is_figure, values.values())):
            whole = len(values)
            values = {name: value for name, value in values.items() if is_figure(value)}
            wrong += whole - len(values)
        lines.append(values)
    if wrong:
        complaints.append(
            f"{path.name} has values that are no finite numbers, {wrong} of them; they are left out"
        )
    return lines, complaints


def uneven(rows: Sequence[int]) -> bool:
    """Whether classes with these rows are so uneven that accuracy says little of the small ones."""
    return max(rows) > UNEVEN * min(rows)
