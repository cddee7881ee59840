"""Code of a person's own, called from here: whatever it raises becomes a sentence with its place."""

from __future__ import annotations

import os
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OURS = str(Path(__file__).parents[1])
INSTALLED = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}


@contextmanager
def in_a_sentence(what: str) -> Iterator[None]:
    """Let what the body raises be a ValueError that says of what it was, and in which line.

    Args:
        what: the subject, e.g. "row 7".

    Raises:
        ValueError: the body raised anything.
    """
    try:
        yield
    except (
        Exception
    ) as error:  # it is not our code, so that it may raise anything, and none of it is our fault
        raise ValueError(f"{what} raises {told(error)}") from error


def told(error: Exception) -> str:
    """The kind of an error, the first line of its message, and the line of a person's code it is from."""
    lines = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    place = place_of(error)
    return f"{said} ({place})" if place else said


def place_of(error: BaseException) -> str | None:
    """File and line of the innermost code that is neither ours nor installed; None where there is none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = os.path.realpath(frame.filename)
        if not frame.filename.startswith("<") and not any(_within(file, f) for f in (OURS, *INSTALLED)):
            here = os.path.relpath(file) if _within(file, os.path.realpath(os.curdir)) else file
            return f"{here}, line {frame.lineno}"
    return None


def _within(file: str, folder: str) -> bool:
    return file.startswith(folder + os.sep)
