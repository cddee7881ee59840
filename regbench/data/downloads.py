"""Downloading, and what to say where it fails."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from regbench.data.checksums import require_digest
from regbench.data.folders import undone_on_failure

SECONDS_OF_SILENCE = 30.0  # after which a server counts as out of reach


def obtain(folder: Path, files: Sequence[str], by_hand: str, download: Callable[[], object]) -> None:
    """Call `download` unless all the files are there already.

    Args:
        folder: where the files belong; removed again where it was made in vain.
        files: their names.
        by_hand: what a person without a network can do, as the message says it.
        download: gets the files into the folder; called at most once.

    Raises:
        ValueError: files are missing and cannot be downloaded.
    """
    if not _missing(folder, files):
        return
    wanted = ", ".join(_missing(folder, files))
    try:
        with undone_on_failure(folder), _impatience():
            download()
            if _missing(folder, files):
                raise RuntimeError("the download brought other files")
    except (RuntimeError, OSError, HTTPException) as error:  # URLError is an OSError
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{folder} must hold {wanted}, got a failed download ({reason}); to do it by hand, {by_hand}"
        ) from error


def obtain_whole(
    folder: Path,
    algorithm: str,
    digests: Mapping[str, str],
    by_hand: str,
    download: Callable[[Path, Sequence[str]], object],
) -> None:
    """Call `download` for the files that are missing or damaged; put what it brings in place if it is whole.

    So a download that breaks off, or a server that sends another page, leaves nothing behind that would be
    taken for the file later; and a file that is damaged is replaced, once there is a whole one.

    Args:
        folder: where the files belong; removed again where it was made in vain.
        algorithm: of the digests.
        digests: their names, and their digests in hexadecimal.
        by_hand: what a person without a network can do, as the message says it.
        download: gets files, by their names, into a folder; called at most once.

    Raises:
        ValueError: files are missing or damaged and cannot be downloaded.
    """
    damage = {name: _damage(folder / name, algorithm, digest) for name, digest in digests.items()}
    wanted = [name for name, complaint in damage.items() if complaint]
    if not wanted:
        return
    try:
        with undone_on_failure(folder), _impatience():
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix="unfinished-", dir=folder) as aside:
                download(Path(aside), wanted)
                if _missing(Path(aside), wanted):
                    raise RuntimeError("the download brought other files")
                for name in wanted:
                    require_digest(Path(aside) / name, algorithm, digests[name])
                for name in wanted:
                    (Path(aside) / name).replace(folder / name)
    except (RuntimeError, OSError, HTTPException, ValueError) as error:
        missing = ", ".join(_missing(folder, wanted))
        if not missing:
            raise ValueError(damage[wanted[0]]) from error
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{folder} must hold {missing}, got a failed download ({reason}); to do it by hand, {by_hand}"
        ) from error


def _damage(path: Path, algorithm: str, digest: str) -> str:
    """What is wrong with a file; empty for one that is whole."""
    try:
        require_digest(path, algorithm, digest)
    except (ValueError, FileNotFoundError) as error:
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
