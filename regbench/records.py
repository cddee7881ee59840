"""The files of a run folder, written whole and read back; torch is not needed for them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RECORD_VERSION = 2  # of what a run leaves behind; part of a configuration's identity
SUMMARY = "summary.json"
METRICS = "metrics.jsonl"
ENVIRONMENT = "environment.json"
LOG = "train.log"  # Hydra's, and the trace of what ended a run
FINISHED = ("finished", "stopped")  # statuses of a run that came to its end by itself
ENDED = (*FINISHED, "diverged")  # nothing is left to do there
DEEPEST = 50  # nesting of a file's values: what walks them need not fear for its stack
# The size of a figure that is not 0: whatever a float32 measures, and no power, ratio or sum of a few such
# figures is infinite or vanishes.
SMALLEST, LARGEST = 1e-100, 3.4e38
FINITE = 1e300  # above all other numbers, such as those of a configuration
LATER = {"train.class_weights": None}  # keys that older runs lack, at the value that is what these did
UNEVEN = 3  # classes are, where the largest has more than so many times the rows of the smallest
EXACT = 2**53  # whole numbers up to here are floats too


def write_text(path: Path, text: str) -> None:
    """Write to a temporary name, then rename: never half a file. Signs that UTF-8 lacks are spelled out."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.unlink(missing_ok=True)  # of a process that was killed; a link would lead elsewhere
        with temporary.open("xb") as file:
            file.write(text.encode(errors="backslashreplace"))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """An object as a whole file; raises ValueError for a number that is not finite."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a run folder, or None where there is none yet."""
    path = folder / SUMMARY
    return json.loads(path.read_text()) if path.exists() else None


def read_plain(path: Path) -> bytes | None:
    """The content of a plain file; None where there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no plain file: a pipe, for one, may never end.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path.name} must be a plain file")
    return path.read_bytes()


def read_lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of a `metrics.jsonl` up to the first that is not whole, and complaints where there is cause.

    Values that are no figures (`is_figure`) are left out. Where there is no file there are no lines.

    Raises:
        OSError, ValueError: as `read_plain`.
    """
    lines: list[dict[str, Any]] = []
    wrong, complaints = 0, []
    for number, text in enumerate((read_plain(path) or b"").decode(errors="replace").splitlines(), 1):
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


def is_figure(value: Any) -> bool:
    """Whether a value is a number that can be reckoned with: 0, or of a size in [SMALLEST, LARGEST)."""
    if type(value) is not float and type(value) is not int:
        return False
    return SMALLEST <= value < LARGEST or value == 0 or SMALLEST <= -value < LARGEST


def uneven(rows: Sequence[int]) -> bool:
    """Whether classes with these rows are so uneven that accuracy says little of the small ones."""
    return max(rows) > UNEVEN * min(rows)


def is_count(value: Any, least: int = 0) -> bool:
    """Whether a value is a whole number that counts something."""
    return type(value) is int and least <= value <= EXACT


def check_sane(value: Any, depth: int = 1) -> None:
    """Refuse a tree that others could not walk, show and write again.

    Args:
        value: an object or a list, as JSON has them.
        depth: of its items.

    Raises:
        ValueError: it is nested too deep, or has a number that is not finite.
    """
    if depth > DEEPEST:
        raise ValueError(f"values must be nested at most {DEEPEST} deep")
    for item in value.values() if isinstance(value, dict) else value:
        kind = type(item)
        if kind is dict or kind is list:
            check_sane(item, depth + 1)
        elif (kind is float or kind is int) and not -FINITE < item < FINITE:
            raise ValueError(f"numbers must be finite and below {FINITE:g} in size")


def without_later(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without those keys of `LATER` whose value changes nothing: as older runs have it."""
    kept = dict(config)
    for path, value in LATER.items():
        group, _, key = path.partition(".")
        if isinstance(kept.get(group), Mapping) and key in kept[group] and kept[group][key] == value:
            kept[group] = {name: item for name, item in kept[group].items() if name != key}
    return kept


def canonical(value: Any) -> Any:
    """A value whose numbers are floats wherever that is exact, so that `1` and `1.0` are written alike."""
    if isinstance(value, int):
        return float(value) if not isinstance(value, bool) and abs(value) <= EXACT else value
    if isinstance(value, Mapping):
        return {name: canonical(item) for name, item in value.items()}
    return [canonical(item) for item in value] if isinstance(value, list) else value
