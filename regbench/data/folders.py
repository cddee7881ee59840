"""Folders that are made only where their content could be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


@contextmanager
def undone_on_failure(folder: Path) -> Iterator[None]:
    """Where the body raises, remove the folder and its parents that were not there before."""
    above = [*reversed(folder.parents), folder]
    first_new = next((path for path in above if not path.exists()), None)
    with ExitStack() as undo:
        if first_new is not None:
            undo.callback(shutil.rmtree, first_new, ignore_errors=True)
        yield
        undo.pop_all()


@contextmanager
def emptied_on_failure(folder: Path) -> Iterator[None]:
    """The same, where other processes may fill them meanwhile: what is not empty then stays."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.rmdir()
        raise
