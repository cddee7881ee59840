"""A folder's content, to be compared with what it is later."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

LARGE = 50_000_000  # bytes; of larger files, which are holes, the size is enough


def digests(root: Path) -> dict[str, str]:
    """Each path below a folder, with what it is: kind and content; links are not followed."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            found[str(path.relative_to(root))] = _digest(path)
    return found


def _digest(path: Path) -> str:
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        return f"link to {os.readlink(path)}"
    if stat.S_ISDIR(about.st_mode):
        return "folder"
    if not stat.S_ISREG(about.st_mode):
        return f"special {stat.S_IFMT(about.st_mode)}"
    if about.st_size > LARGE:
        return f"{about.st_size} bytes"
    if not about.st_mode & 0o400:
        return f"unreadable, {about.st_size} bytes"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changes(before: dict[str, str], after: dict[str, str], allowed: Sequence[str]) -> list[str]:
    """What is not as it was, paths that fit one of the patterns aside."""
    said = [f"removed {path}" for path in before if path not in after]
    said += [f"changed {path}" for path in before if path in after and before[path] != after[path]]
    said += [f"new {path}" for path in after if path not in before]
    return [one for one in said if not any(fnmatchcase(one.partition(" ")[2], p) for p in allowed)]
