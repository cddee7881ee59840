"""Names that came from a config, as names of files."""

from __future__ import annotations

import re
from collections.abc import Iterable


def distinct(names: Iterable[str], extra: str = "", length: int = 80) -> list[str]:
    """A file name for each name, all different even where case does not count, none of which leaves a folder.

    Args:
        names: any text.
        extra: signs that stay beside letters and digits of ASCII, - and _; all others become -.
        length: how many signs stay.
    """
    taken: set[str] = set()
    made = []
    for name in names:
        stem = re.sub(rf"[^A-Za-z0-9_{re.escape(extra)}-]+", "-", name).strip("-. ")[:length].rstrip("-. ")
        stem = stem or "unnamed"
        candidate, count = stem, 1
        while candidate.lower() in taken:
            count += 1
            candidate = f"{stem}-{count}"
        taken.add(candidate.lower())
        made.append(candidate)
    return made
