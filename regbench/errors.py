"""The one exception of our own, and what is said of the system's."""

from __future__ import annotations

import errno
import os

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT)  # of open files, and of the disk


class ConfigError(ValueError):
    """A person's mistake, told in one sentence that begins with the config key."""


def of_the_system(error: BaseException) -> str:
    """One line on an error of the system, or on one that came of a lack of files or disk; else nothing."""
    if isinstance(error, OSError):
        return _said(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in EXHAUSTED:
            return _said(cause)
        for number in EXHAUSTED:
            if os.strerror(number) in str(cause):
                return os.strerror(number)
        cause = cause.__cause__ or cause.__context__
    return ""


def _said(error: OSError) -> str:
    if error.errno == errno.ENOENT and not error.filename and not _has_current_folder():
        return "the current folder has been deleted; go to another one"
    where = f"{error.filename}: " if error.filename else ""
    return " ".join(f"{where}{error.strerror or error}".split())


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True
