"""What regbench has written, taken away again: by name, never through a link, never what lies beside it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

EVENT_FILE = "events.out.tfevents."  # what the name of each of TensorBoard's files begins with


def is_folder(path: Path) -> bool:
    """Whether a path is that of a folder itself, and not of a link to one."""
    return _is(path, stat.S_ISDIR)


def is_file(path: Path) -> bool:
    """Whether a path is that of a plain file itself, and not of a link to one."""
    return _is(path, stat.S_ISREG)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Delete plain files of these names in a folder; nothing where the folder is a link or is not there.

    Raises:
        OSError: one cannot be deleted.
    """
    if is_folder(folder):
        for name in names:
            if is_file(folder / name):
                (folder / name).unlink(missing_ok=True)


def remove_events(folder: Path, sub_runs: Iterable[str]) -> None:
    """Delete TensorBoard's files in these folders below a folder.

    Raises:
        OSError: one cannot be deleted.
    """
    for name in sub_runs:
        if is_folder(folder) and is_folder(folder / name):
            remove_files(folder / name, [e for e in os.listdir(folder / name) if e.startswith(EVENT_FILE)])
