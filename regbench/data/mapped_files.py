"""Rows in files that are mapped into memory: written whole and once, whoever asks for them."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from math import prod
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from regbench.data.memory import is_limited
from regbench.data.stored_rows import Store, StoredRows
from regbench.storage.files import replaced, writer
from regbench.storage.folders import emptied_on_failure, missing
from regbench.terminal.bar import shown

VERSION = 1  # of what a file holds: another one is written anew
HEADER = 128  # bytes before the rows
LOCK = "lock"  # in the folder, held by whoever writes there
UNFINISHED = "unfinished-"  # how the name of a file begins that is being written
SOON = 2.0  # seconds of waiting for another process, after which it is said


def mapped(path: Path) -> Tensor:
    """The rows of a file of NumPy's, read when they are asked for.

    Writing to them does not reach the file: it makes copies of pages. Where the system must promise the
    memory for such copies beforehand, and does not, they cannot be written to.

    Raises:
        OSError, ValueError: the file is not there, or not whole.
    """
    if not is_limited():
        with suppress(OSError):
            return torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
    with warnings.catch_warnings(action="ignore"):  # torch has no tensors that cannot be written to
        return torch.from_numpy(np.load(path, mmap_mode="r", allow_pickle=False))


def written_once(rows: StoredRows, folder: Path) -> StoredRows:
    """The same rows in a file of the folder, in their order; written unless it is there.

    Its name is a digest of all that it holds. Its date is that of its last use.

    Raises:
        ValueError: there is no room for it.
        OSError: it cannot be written.
    """
    path = folder / f"{_name_of(rows)}.npy"
    if not _is_whole(path, rows):
        require_disk(len(rows) * rows.row_bytes, folder, _said_of(rows))
        with emptied_on_failure(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with _writing_in(folder) as alone:
                if not _is_whole(path, rows):  # another process may have written it meanwhile
                    _write(rows, path, alone)
    with suppress(OSError):
        os.utime(path)
    return StoredRows(Store(mapped(path), path, rows.digests()))


def blank(shape: Sequence[int], dtype: torch.dtype, folder: Path, what: str) -> Tensor:
    """Rows to be filled, in a file without a name: it is gone with the process, however that ends.

    Raises:
        ValueError: there is no room for it.
        OSError: it cannot be written.
    """
    like = torch.empty(0, dtype=dtype).numpy()
    need = prod(shape) * like.itemsize
    with emptied_on_failure(folder):
        folder.mkdir(parents=True, exist_ok=True)
        require_disk(need, folder, what)
        with tempfile.TemporaryFile(dir=folder, prefix=UNFINISHED) as file:
            reserve(file.fileno(), need)
            return torch.from_numpy(np.memmap(file, like.dtype, "r+", shape=tuple(shape)))


def require_disk(need: int, folder: Path, what: str) -> None:
    """Refuse what a disk has no room for.

    Raises:
        ValueError: it has not.
    """
    gone = missing(folder)
    there = shutil.disk_usage(gone[-1].parent if gone else folder).free
    if need > there:
        raise ValueError(
            f"{what} must fit into {folder}, {need / 1e9:.3g} GB, got {there / 1e9:.3g} GB; set dataset.root "
            "to a folder on another disk, or dataset.memory=whole where they fit into memory"
        )


def reserve(descriptor: int, need: int) -> None:
    """Take the room of a file at once: a map of one for which there is none later kills the process.

    Raises:
        OSError: there is none.
    """
    if hasattr(os, "posix_fallocate") and need:
        os.posix_fallocate(descriptor, 0, need)


def _name_of(rows: StoredRows) -> str:
    """A digest of the rows in their order."""
    digest = blake2b(repr((VERSION, rows.shape, rows.dtype)).encode(), digest_size=16)
    digest.update(rows.digests().tobytes())
    if rows.dtype.is_floating_point:  # whose digests pass over the sign of zeros
        for part in rows.pieces():
            digest.update(rows[part].contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _is_whole(path: Path, rows: StoredRows) -> bool:
    """Whether the file has the length of these rows; it is renamed when it is whole, and not before."""
    with suppress(OSError):
        return path.stat().st_size == HEADER + len(rows) * rows.row_bytes
    return False


@contextmanager
def _writing_in(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock; whether there are such on its file system."""
    lock = FileLock(folder / LOCK)
    try:
        try:
            lock.acquire(timeout=SOON)
        except Timeout:
            print(f"waiting for another process that writes rows into {folder}", file=sys.stderr)
            lock.acquire()
    except (OSError, NotImplementedError):  # then each writes its own, and the last one's stays
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _write(rows: StoredRows, path: Path, alone: bool) -> None:
    """Write rows under another name, and rename the file once it is on the disk.

    Args:
        rows: to be written.
        path: of the file.
        alone: whether nobody else on this machine writes in the folder, so that what a process of it has left
            there unfinished is of one that was killed.
    """
    mine, _, _ = writer().rpartition("-")
    for left in path.parent.glob(f"{UNFINISHED}*-{mine}-*") if alone else ():
        left.unlink(missing_ok=True)
    aside = path.with_name(f"{UNFINISHED}{path.stem}-{writer()}")
    with (
        replaced(path, aside),
        aside.open("xb") as file,
        shown(rows.pieces(), f"writing {_said_of(rows)} to {path.parent}, in pieces") as pieces,
    ):
        file.write(_header(rows))
        for part in pieces:
            file.write(rows[part].contiguous().numpy().data)
        file.flush()
        os.fsync(file.fileno())


def _said_of(rows: StoredRows) -> str:
    return f"{len(rows):,} rows of {rows.shape[1:]}"


def _header(rows: StoredRows) -> bytes:
    """What makes a file of these rows one of NumPy's: `HEADER` bytes."""
    like = torch.empty(0, dtype=rows.dtype).numpy().dtype
    about = repr({"descr": np.lib.format.dtype_to_descr(like), "fortran_order": False, "shape": rows.shape})
    filled = about.ljust(HEADER - 11) + "\n"
    if len(filled) != HEADER - 10:
        raise ValueError(f"rows must have few axes, got the shape {rows.shape}")
    return b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little") + filled.encode("latin1")
