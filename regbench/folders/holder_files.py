"""The files that say who holds a run folder: `.holder` beside a lock, `.holder.1` and so on of leases."""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from regbench.folders.holder import Holder, decoded, encoded, this_process
from regbench.storage.files import write_bytes

HOLDER = ".holder"
NUMBERED = re.compile(re.escape(HOLDER) + r"\.([1-9]\d{0,14})")
FREE = b"free\n"  # stands in the file of a lease that was given back
LARGEST = 4096  # bytes


@dataclass(frozen=True)
class Seen:
    """The newest lease of a folder, as somebody finds it.

    Attributes:
        number: of it.
        content: of its file.
        changed: when its file was, in nanoseconds by the clock of whoever changed it.
    """

    number: int
    content: bytes
    changed: int

    @property
    def holder(self) -> Holder | None:
        """Who has it; None where that is not written yet, or nobody has it."""
        return decoded(self.content)

    @property
    def is_free(self) -> bool:
        """Whether it was given back, or its holder is known to have ended."""
        holder = self.holder
        return self.content == FREE or (holder is not None and holder.is_gone)


def is_holders(name: str) -> bool:
    """Whether a file of this name in a run folder says who holds it, or was on the way to do so."""
    return name == HOLDER or name.startswith(f"{HOLDER}.")


def path_of(folder: Path, number: int) -> Path:
    """The file of the lease of this number."""
    return folder / f"{HOLDER}.{number}"


def number_of(path: Path) -> int:
    """Of the lease that a file is of."""
    return int(path.name.rpartition(".")[2])


def numbers(folder: Path) -> list[int]:
    """Of the leases of a folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [int(found[1]) for found in map(NUMBERED.fullmatch, names) if found]


def latest(folder: Path) -> Seen | None:
    """The newest lease of a folder, whoever has it; None where there is none.

    Raises:
        OSError: it cannot be read.
    """
    for number in sorted(numbers(folder), reverse=True):
        found = read(path_of(folder, number))
        if found is not None:
            return Seen(number, *found)
    return None


def is_leased(folder: Path) -> bool:
    """Whether there is a lease that was not given back, whatever has become of its holder.

    Raises:
        OSError: it cannot be read.
    """
    seen = latest(folder)
    return seen is not None and seen.content != FREE


def note(folder: Path) -> None:
    """Write down that this process holds the folder by a lock, for whoever asks; it keeps nobody out."""
    with suppress(OSError):  # the lock is held all the same
        write_bytes(folder / HOLDER, encoded(this_process()), aside(folder))


def noted(folder: Path) -> Holder | None:
    """Who has written down that it holds the folder, and has not ended as far as anybody knows."""
    try:
        found = read(folder / HOLDER)
    except OSError:
        return None
    holder = decoded(found[0]) if found else None
    return None if holder is None or holder.is_gone else holder


def unnote(folder: Path) -> None:
    """Take away what `note` has written."""
    with suppress(OSError):
        (folder / HOLDER).unlink()


def aside(folder: Path) -> Path:
    """A name to write such a file to before it has its own, which no other process has."""
    return folder / f"{HOLDER}.{secrets.token_hex(6)}.tmp"


def make(path: Path, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        FileExistsError: it is.
        OSError: it cannot be written, and is not left.
    """
    with path.open("xb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def read(path: Path) -> tuple[bytes, int] | None:
    """What stands in a plain file, and when it was changed, in nanoseconds; nothing stands in others.

    It is opened anew, which servers of network file systems answer; what is only asked for by its name may be
    what this host remembers. None where there is none.

    Raises:
        OSError: it cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        number = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError:
        if os.path.islink(path):
            return b"", 0
        raise
    try:
        about = os.fstat(number)
        plain = stat.S_ISREG(about.st_mode)
        return (os.read(number, LARGEST), about.st_mtime_ns) if plain else (b"", 0)
    finally:
        os.close(number)
