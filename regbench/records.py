"""The files of a run folder, written whole and read back; torch is not needed for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORD_VERSION = 2  # of what a run leaves behind; part of a configuration's identity
SUMMARY = "summary.json"
METRICS = "metrics.jsonl"
ENVIRONMENT = "environment.json"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write to a temporary name, then rename: never half a file."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a run folder, or None where there is none yet."""
    path = folder / SUMMARY
    return json.loads(path.read_text()) if path.exists() else None


def read_lines(path: Path) -> tuple[list[dict[str, Any]], str]:
    """The lines of a `metrics.jsonl` up to the first that is not whole, and a complaint about that one."""
    lines: list[dict[str, Any]] = []
    for number, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict) or not isinstance(values.get("epoch"), int):
            return lines, f"line {number} of {path.name} is not whole; those before it are used"
        lines.append(values)
    return lines, ""


def canonical(value: Any) -> Any:
    """A value in which every number is a float, so that `1` and `1.0` are written alike."""
    if isinstance(value, Mapping):
        return {name: canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
