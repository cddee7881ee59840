"""Downloading, and what to say where it fails."""

from __future__ import annotations

import shutil
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from tarfile import TarError
from tempfile import TemporaryDirectory

from regbench.data.checksums import require_digest
from regbench.storage.folders import emptied_on_failure

SECONDS_OF_SILENCE = 30.0  # after which a server counts as out of reach


Check = Callable[[Path], object]  # raises ValueError for a file that is not the one it should be
UNFINISHED = "unfinished-"  # how a folder begins in which a download is going on
FORGOTTEN = 86_400.0  # seconds after which such a folder is what a killed process has left


def obtain_whole(
    folder: Path,
    algorithm: str,
    digests: Mapping[str, str],
    by_hand: str,
    download: Callable[[Path, Sequence[str]], object],
) -> None:
    """See `obtain`; each file is checked by its digest.

    Args:
        folder: see `obtain`.
        algorithm: of the digests.
        digests: the names of the files, and their digests in hexadecimal.
        by_hand: see `obtain`.
        download: see `obtain`.
    """
    checks = {
        name: partial(require_digest, algorithm=algorithm, expected=digest)
        for name, digest in digests.items()
    }
    obtain(folder, checks, by_hand, download)


def obtain(
    folder: Path,
    checks: Mapping[str, Check],
    by_hand: str,
    download: Callable[[Path, Sequence[str]], object],
    beside: Sequence[str] = (),
) -> None:
    """Call `download` for the files that are missing or damaged; put what it brings in place if it is whole.

    So a download that breaks off, or a server that sends another page, leaves nothing behind that would be
    taken for the file later; and a file that is damaged is replaced, once there is a whole one.

    Args:
        folder: where the files belong; removed again where it was made in vain.
        checks: the names of the files, and what looks at them.
        by_hand: what a person without a network can do, as the message says it.
        download: gets files, by their names, into a folder; called at most once.
        beside: other files that are put in place too, where the download has brought them.

    Raises:
        ValueError: files are missing or damaged and cannot be downloaded.
    """
    damage = {name: _damage(folder / name, check) for name, check in checks.items()}
    wanted = [name for name, complaint in damage.items() if complaint]
    if not wanted:
        return
    try:
        with emptied_on_failure(folder), _impatience():
            folder.mkdir(parents=True, exist_ok=True)
            _clear(folder)
            with TemporaryDirectory(prefix=UNFINISHED, dir=folder, ignore_cleanup_errors=True) as aside:
                download(Path(aside), wanted)
                if _missing(Path(aside), wanted):
                    raise RuntimeError("the download brought other files")
                for name in wanted:
                    checks[name](Path(aside) / name)
                for name in (*wanted, *(n for n in beside if (Path(aside) / n).is_file())):
                    (Path(aside) / name).replace(folder / name)
    except (RuntimeError, OSError, HTTPException, ValueError, EOFError, TarError, zlib.error) as error:
        missing, reason = ", ".join(_missing(folder, wanted)), " ".join(str(error).split())
        if not missing:
            raise ValueError(f"{damage[wanted[0]]}; another download has failed ({reason})") from error
        raise ValueError(
            f"{folder} must hold {missing}, got a failed download ({reason}); to do it by hand, {by_hand}"
        ) from error


def _clear(folder: Path) -> None:
    """Remove what downloads that were killed have left."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink() and time.time() - path.stat().st_mtime > FORGOTTEN:
                shutil.rmtree(path)


def _damage(path: Path, check: Check) -> str:
    """What is wrong with a file; empty for one that is whole."""
    try:
        check(path)
    except (ValueError, FileNotFoundError, IsADirectoryError) as error:
        return str(error)
    return ""


def _missing(folder: Path, files: Sequence[str]) -> list[str]:
    return [name for name in files if not (folder / name).is_file()]


@contextmanager
def _impatience() -> Iterator[None]:
    """Give up on a silent server; torchvision itself sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_OF_SILENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
