"""Files that are whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
