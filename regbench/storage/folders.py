"""Folders that are made for something, and taken away again where that fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

TRIES = 10  # to make something where others take empty folders away


def missing(folder: Path) -> list[Path]:
    """The folder and those above it that are not there, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def remove_empty(*folders: Path) -> None:
    """Delete those of the folders that are empty, in this order; others, and links, stay."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def insisting(make: Callable[[], None]) -> None:
    """Make something in a folder again where another process, which found it empty, has deleted it meanwhile.

    Raises:
        OSError: it cannot be made.
    """
    for _ in range(TRIES - 1):
        with suppress(FileNotFoundError):
            make()
            return
    make()


@contextmanager
def emptied_on_failure(folder: Path) -> Iterator[None]:
    """Where the body raises, remove the folder and its parents that were not there before, if they are empty.

    Other processes may fill them meanwhile: what is not empty then stays.
    """
    new = missing(folder)
    try:
        yield
    except BaseException:
        remove_empty(*new)
        raise


@contextmanager
def undone_on_failure(folder: Path) -> Iterator[None]:
    """The same with all that is in them, of a folder that nobody else writes to."""
    new = missing(folder)
    with ExitStack() as undo:
        if new:
            undo.callback(shutil.rmtree, new[-1], ignore_errors=True)
        yield
        undo.pop_all()
