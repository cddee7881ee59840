"""Standard input, output and error that are closed, full or gone."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

NARROWEST = 20  # columns of a terminal
UNWRITTEN = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EBADF,
)  # what a full or closed file says


def open_closed() -> None:
    """Give each that is closed the null device, so that no file of ours is taken for it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            made = os.fdopen(number, "w" if number else "r", errors="replace", closefd=False)
            setattr(sys, name, made)


def widen() -> None:
    """Take what nobody can read for a narrow terminal: tables need a column of some signs."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)


def say(sentence: str) -> None:
    """Print a line on standard error, if anyone can be told."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{sentence}\n")  # at once, as threads may print
        sys.stderr.flush()


def flushed(after: Exception | None = None) -> str:
    """Put out what has been printed; the reason where that cannot be, after which nothing more is tried.

    A reader who has gone, as of `regbench list | head`, is no reason.

    Args:
        after: what has gone wrong before, which may have come of this.
    """
    if not callable(getattr(sys.stdout, "flush", None)):  # a person's code has put something else there
        return ""
    try:
        sys.stdout.flush()
        if isinstance(after, OSError) and after.errno in UNWRITTEN and not after.filename:
            os.write(sys.stdout.fileno(), b"\n")  # what has failed once is not tried by a flush again
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return "" if isinstance(error, BrokenPipeError) else error.strerror or str(error)
    return ""
