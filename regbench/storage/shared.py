"""What the processes of one command have made once: written to a folder while it runs, read by the others."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, TypeVar

from regbench.storage.files import replaced

T = TypeVar("T")


class Shared:
    """The folder of this process and of those that are copied from it.

    Attributes:
        folder: None where nothing is shared.
    """

    folder: ClassVar[Path | None] = None


@contextmanager
def sharing() -> Iterator[Path]:
    """Share from now on, in a folder that is gone at the end."""
    Shared.folder = Path(tempfile.mkdtemp(prefix="regbench-"))
    try:
        yield Shared.folder
    finally:
        shutil.rmtree(Shared.folder, ignore_errors=True)
        Shared.folder = None


def made_once(
    kind: str, key: str, make: Callable[[], T], write: Callable[[T, Path], object], read: Callable[[Path], T]
) -> T:
    """What `make` returns, or what another process has written of it.

    Args:
        kind: of thing, a word.
        key: all that it depends on.
        make: called where nobody else has.
        write: to a file.
        read: from that file, what was written.
    """
    if Shared.folder is None:
        return make()
    path = Shared.folder / f"{kind}_{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
    with suppress(FileNotFoundError):
        return read(path)
    made = make()
    with suppress(OSError), replaced(path, path.with_name(f"{path.name}.{os.getpid()}")) as aside:
        write(made, aside)  # where there is no room, each makes its own
    return made
