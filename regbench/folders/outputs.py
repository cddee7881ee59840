"""Files that a person asks for: written whole or not at all, over nothing but what they named."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from regbench.folders.ownership import is_ours
from regbench.folders.placement import REPLACED, WRITTEN_IN_PLACE
from regbench.storage.files import write_bytes
from regbench.storage.folders import emptied_on_failure

MAKER = "regbench"  # stands in every figure that is written, and tells it from a person's own


def write_output(path: Path, content: bytes) -> None:
    """Put the content into a file of this name, in place of one that is there, or into a pipe or a device.

    A link to a file is replaced, and the file that it leads to is left alone.

    Raises:
        OSError: it cannot be written; what was there still is.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError:
        kind = stat.S_IFREG
    if kind == stat.S_IFDIR:
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if _is_of_a_run(path):
        raise OSError(errno.EPERM, "is a file of a run", str(path))
    if kind == stat.S_IFBLK:
        raise OSError(errno.EPERM, "is a disk", str(path))
    if kind != stat.S_IFREG or Path(os.path.abspath(path)).parts[1:2] in (("dev",), ("proc",)):
        _write_into(path, content)
    else:
        _replace(path, content)


def _is_of_a_run(path: Path) -> bool:
    """Whether a path is that of a file that a run folder has, or of one in its record."""
    place = Path(os.path.abspath(path))
    return any(
        str(place.relative_to(folder)) in (*WRITTEN_IN_PLACE, *REPLACED) and is_ours(folder)
        for folder in place.parents[:2]
    )


def _replace(path: Path, content: bytes) -> None:
    try:
        write_bytes(path, content, path.with_name(f".regbench-{secrets.token_hex(6)}.tmp"))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_into(path: Path, content: bytes) -> None:
    """Write to a pipe or a device; one that nobody reads is an error and no long wait."""
    number = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
    os.set_blocking(number, True)
    with open(number, "wb", buffering=0) as file:
        if stat.S_ISREG(os.fstat(number).st_mode):  # /dev/stdout, where that is a file
            file.seek(0, os.SEEK_END)
        left = memoryview(content)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error


def write_figures(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write figures, each with `MAKER` in it, into a folder, all or none that is new; give their paths.

    Args:
        folder: made where it is missing.
        files: the content of each by its name.

    Raises:
        OSError: one cannot be written, or would take the place of what is no figure of ours.
    """
    paths = [folder / name for name in files]
    new = [path for path in paths if not _is_old(path)]
    with emptied_on_failure(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, content in zip(paths, files.values(), strict=True):
                write_output(path, content)
        except OSError:
            with suppress(OSError):
                for path in new:
                    path.unlink(missing_ok=True)
            raise
    return paths


def _is_old(path: Path) -> bool:
    """Whether a figure that we have made is there, to be replaced.

    Raises:
        OSError: something else is.
    """
    try:
        if stat.S_ISREG(os.lstat(path).st_mode) and MAKER.encode() in path.read_bytes():
            return True
    except FileNotFoundError:
        return False
    raise OSError(errno.EEXIST, "is there, and is no figure of regbench; move it away", str(path))
