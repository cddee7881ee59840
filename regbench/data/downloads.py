"""Downloading, and what to say where it fails."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

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
