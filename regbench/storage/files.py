"""Files that are whole or not there."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

Ready = Callable[[], None]  # raises where a file that is written must not take its place after all


def at_once() -> None:
    """Nothing more is looked at before a file takes its place."""


@contextmanager
def replaced(path: Path, aside: Path | None = None, ready: Ready = at_once) -> Iterator[Path]:
    """A name to write to, which takes the place of the path where the body ends; where it raises it goes.

    So nobody ever finds half a file. What is at the name already was left by a process that was killed; a
    link would lead elsewhere. No two processes write to one name, whatever hosts they run on: one that was
    taken for dead, and writes on, would put half of the other's file into place.

    Args:
        path: of the file that is to be there.
        aside: the name to write to, in the same folder; one that only this process has where None.
        ready: is asked at the last moment: writing may have taken long, or the process have been stopped.

    Raises:
        OSError: it cannot take the place; what was there still is.
        Exception: what `ready` raises; likewise.
    """
    aside = path.with_name(f"{path.name}.{writer()}.tmp") if aside is None else aside
    try:
        aside.unlink(missing_ok=True)
        yield aside
        ready()
        os.replace(aside, path)
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def writer() -> str:
    """What no process has in its names of files but this one: host and process, without dots."""
    host = re.sub(r"[^\w-]", "-", socket.gethostname(), flags=re.ASCII)[:64]
    return f"{host}-{os.getpid()}"


def is_unfinished(name: str, of: Callable[[str], bool]) -> bool:
    """Whether a name is one that some process writes a file to before it has its own.

    Args:
        name: of a file.
        of: whether a name is that of a file that is written so.
    """
    found = re.fullmatch(r"(.+?)(\.[\w-]+)?\.tmp", name)
    return found is not None and (of(found[1]) or of(f"{found[1]}{found[2] or ''}"))


def write_bytes(
    path: Path,
    content: bytes | memoryview,
    aside: Path | None = None,
    sync: bool = False,
    ready: Ready = at_once,
) -> None:
    """Write a whole file, by another name (`replaced`).

    Args:
        path: of the file.
        content: of it.
        aside: see `replaced`.
        sync: whether it must outlast a machine that goes down.
        ready: see `replaced`.
    """
    with replaced(path, aside, ready) as temporary, temporary.open("xb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def write_text(path: Path, text: str, sync: bool = False, ready: Ready = at_once) -> None:
    """Write a whole file in UTF-8; signs that it lacks are spelled out."""
    write_bytes(path, text.encode(errors="backslashreplace"), sync=sync, ready=ready)


def write_json(path: Path, content: Mapping[str, Any], sync: bool = False, ready: Ready = at_once) -> None:
    """An object as a whole file; raises ValueError for a number that is not finite."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n", sync, ready)


def append(file: FileIO, content: bytes) -> None:
    """Write to the end of an open file, all or nothing.

    Raises:
        OSError: it cannot be written; no part of it is.
    """
    before = file.seek(0, os.SEEK_END)
    try:
        if file.write(content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
    except OSError:
        file.seek(before)
        file.truncate()
        raise
