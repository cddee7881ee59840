"""Files that are read back: plain ones, of a size that is looked at first; torch is not needed."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, brief

MIB = 2**20
LARGEST_TEXT = 64 * MIB  # of a file of JSON: a confusion matrix of a thousand classes takes 16
LARGEST_LINES = 1024 * MIB  # of a file with a line for each epoch
DEEPEST = 50  # nesting of a file's values: what walks them need not fear for its stack
FINITE = 1e300  # above all other numbers, such as those of a configuration
TRIES = 5  # to read a file that another host puts another one in the place of meanwhile: NFS says ESTALE
LONGEST = 200  # signs of a reason


@contextmanager
def opened(path: Path, most: int) -> Iterator[BufferedReader]:
    """A plain file of at most so many bytes, open for reading.

    Raises:
        OSError: it cannot be opened; FileNotFoundError: there is none.
        ValueError: it is no plain file (a pipe or a device may never end), or a larger one.
    """
    _require_plain(path, os.stat(path))  # before it is opened: that alone may do something to a device
    descriptor = os.open(
        path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    )  # no waiting, were it a pipe by now
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        _require_plain(path, about)
        if about.st_size > most:
            raise ValueError(f"{path.name} must have at most {_size(most)}, and has {_size(about.st_size)}")
        yield file


def _require_plain(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise ValueError(f"{path.name} must be a plain file")


def _size(count: int) -> str:
    return f"{count / MIB:.0f} MiB" if count >= MIB else f"{count} bytes"


def content(path: Path, most: int = LARGEST_TEXT) -> bytes | None:
    """All bytes of a plain file; None where there is none.

    Raises:
        OSError, ValueError: as `opened`.
    """
    for tries in reversed(range(TRIES)):
        try:
            with opened(path, most) as file:
                found = file.read(most + 1)
            break
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.ESTALE or not tries:
                raise
    if len(found) > most:
        raise ValueError(f"{path.name} must have at most {_size(most)}, and grows beyond")
    return found


def json_object(path: Path) -> dict[str, Any] | None:
    """A JSON file's object, whole and sane; None where there is no file.

    Raises:
        ValueError: it is none, cannot be read, names a key twice, or `check_sane` refuses it.
    """
    found = text_of(path)
    return None if found is None else object_in(found, path.name)


def text_of(path: Path) -> bytes | None:
    """As `content`, of a file of JSON.

    Raises:
        ValueError: it cannot be read; the sentence begins with its name.
    """
    try:
        return content(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read: {sentence(error)}") from error


def object_in(text: bytes, name: str) -> dict[str, Any]:
    """The object that a text is, as `json_object`.

    Args:
        text: of a file.
        name: of it, for the sentence where something is wrong.

    Raises:
        ValueError: as `json_object`.
    """
    try:
        value = json.loads(text.decode(), object_pairs_hook=_each_once)
        if isinstance(value, dict):
            check_sane(value)
            return value
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} cannot be read: {sentence(error)}") from error
    raise ValueError(f"{name} must hold an object, and holds {type(value).__name__}")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = {sys.intern(name): value for name, value in pairs}  # thousands of files have the same names
    if len(found) < len(pairs):
        raise ValueError("an object names a key twice")
    return found


def check_sane(value: Any, depth: int = 1) -> None:
    """Refuse a tree that others could not walk, show and write again.

    Args:
        value: an object or a list, as JSON has them.
        depth: of its items.

    Raises:
        ValueError: it is nested too deep, or has a number that is not finite.
    """
    if depth > DEEPEST:
        raise ValueError(f"values must be nested at most {DEEPEST} deep")
    items = value.values() if isinstance(value, dict) else value
    if set(map(type, items)) == {int} and -FINITE < min(items) <= max(items) < FINITE:
        return  # a row of a confusion matrix, of which there are thousands
    for item in items:
        kind = type(item)
        if kind is dict or kind is list:
            check_sane(item, depth + 1)
        elif (kind is float or kind is int) and not -FINITE < item < FINITE:
            raise ValueError(f"numbers must be finite and below {FINITE:g} in size")


def require_folder(folder: Path) -> None:
    """Refuse what is no folder that can be looked into.

    Raises:
        ConfigError: it is none.
    """
    try:
        mode = os.stat(folder).st_mode
    except FileNotFoundError:
        what = "a link that leads nowhere" if os.path.islink(folder) else "not there"
        raise ConfigError(f"{brief(folder)}: must be the folder of a run, and is {what}") from None
    except (OSError, ValueError) as error:  # a name with a NUL is no name
        raise ConfigError(
            f"{brief(folder)}: must be the folder of a run, and cannot be read: {sentence(error)}"
        ) from error
    if not stat.S_ISDIR(mode):
        kind = "a file" if stat.S_ISREG(mode) else "something else"
        raise ConfigError(f"{brief(folder)}: must be the folder of a run, and is {kind}")


def machine_memory() -> int:
    """Bytes of memory that this machine has; as good as endless where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 2**62


def there(path: Path) -> bool:
    """Whether something goes by that name, be it a link that leads nowhere."""
    return os.path.lexists(path)


def sentence(error: BaseException) -> str:
    """What an error says, on one line."""
    what = getattr(error, "strerror", None) or str(error)
    text = what.splitlines()[0] if what else type(error).__name__
    return brief(f"{text} is missing" if isinstance(error, KeyError) else text, LONGEST)
