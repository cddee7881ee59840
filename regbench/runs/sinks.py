"""Sinks: where records go."""

from __future__ import annotations

import errno
import itertools
import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from torch import Tensor

from regbench.folders.ownership import SUB_RUNS
from regbench.folders.removal import EVENT_FILE, remove_events
from regbench.records.course import line
from regbench.runs import event_bytes
from regbench.storage.files import write_text
from regbench.types import Record


class Sink:
    """Takes one record after another, and what else a run shows; what it has no use for it passes over."""

    def step(self, epoch: int, share: float) -> None:
        """Part of an epoch is done.

        Args:
            epoch: how many were done before it.
            share: of it, in (0, 1].
        """

    def write(self, record: Record) -> None:
        """Take the record of an epoch that is done."""

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        """Put each of the pictures, (N, C, H, W) in [0, 1], up as one grid under its name."""

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        """Put each of the texts, in Markdown, up under its name."""

    def close(self) -> None:
        """Let go of what is open; what is shown or told afterwards opens it again."""


class Sinks(Sink):
    """Several sinks as one; each is given everything, in this order."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def step(self, epoch: int, share: float) -> None:
        for sink in self._sinks:
            sink.step(epoch, share)

    def write(self, record: Record) -> None:
        for sink in self._sinks:
            sink.write(record)

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        for sink in self._sinks:
            sink.show(pictures, epoch)

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        for sink in self._sinks:
            sink.tell(texts, epoch)

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()


class JsonLines(Sink):
    """`metrics.jsonl`, a line per epoch, each on the disk before the next begins: the truth."""

    def __init__(self, path: Path, history: Sequence[Record] = ()) -> None:
        write_text(path, "".join(map(_line, history)))  # what is there may end in the middle of a line
        self._file = path.open("ab", buffering=0)

    def write(self, record: Record) -> None:
        _append(self._file, _line(record).encode())

    def close(self) -> None:
        self._file.close()


MEASURED = ("val", "select", "gap")  # what is known of rows that are not learned from


class TensorBoard(Sink):
    """Event files of two sub-runs, so that TensorBoard's list of runs stays short.

    "train/loss" and "val/loss" become tag `loss` of the sub-runs `train` and `val`, and share a chart. All
    else keeps its whole name: select and gap in `val`; what is of training, and members' own, in `train`.
    """

    def __init__(self, folder: Path, history: Sequence[Record] = ()) -> None:
        remove_events(folder, SUB_RUNS)  # events cannot be cut, so they are written again
        self._folder = folder
        self._files: dict[str, Events] = {}
        for record in history:
            self.write(record)

    def write(self, record: Record) -> None:
        for name, value in record.metrics.items():
            run, tag = _placed(name)
            self._of(run).add(event_bytes.scalar(tag, value), record.epoch)

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        for name, images in pictures.items():
            run, tag = _placed(name)
            picture = _summaries().image(tag, grid(images), dataformats="CHW")
            self._of(run).add(picture.SerializeToString(), epoch)

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        for name, text in texts.items():
            run, tag = _placed(name)
            self._of(run).add(_summaries().text(tag, text).SerializeToString(), epoch)

    def _of(self, run: str) -> Events:
        if run not in self._files:
            self._files[run] = Events(self._folder / run)
        return self._files[run]

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()


class Events:
    """One event file, each event on its way to the disk before the next begins.

    TensorBoard's own writer has a thread for it, whose errors are a trace that nobody can catch.

    Args:
        folder: made where it is missing, in one that is there or that can be made beside it.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        for place in (folder.parent, folder):  # not the run folder, which is gone where it is not there
            place.mkdir(exist_ok=True)
        self._file = _new_file(folder)
        _append(self._file, event_bytes.first_record(time.time()))

    def add(self, summary: bytes, step: int) -> None:
        """Write a summary as an event of a step.

        Raises:
            OSError: it cannot be written; no half of it is.
        """
        _append(self._file, event_bytes.record(time.time(), step, summary))

    def close(self) -> None:
        self._file.close()


def _append(file: FileIO, content: bytes) -> None:
    """Write to the end of a file, all or nothing."""
    before = file.seek(0, os.SEEK_END)
    try:
        if file.write(content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
    except OSError:
        file.seek(before)
        file.truncate()
        raise


def _new_file(folder: Path) -> FileIO:
    """A file called as TensorBoard calls its own, and as none is yet."""
    for number in itertools.count():
        name = f"{EVENT_FILE}{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}.{number}"
        with suppress(FileExistsError):
            return (folder / name).open("xb", buffering=0)
    raise AssertionError("unreachable")


def _summaries() -> Any:
    """Torch's makers of summaries; most runs show neither pictures nor texts, and need no import of them."""
    from torch.utils.tensorboard import summary

    return summary


def _placed(name: str) -> tuple[str, str]:
    """Sub-run and tag of a figure or a picture."""
    split, _, rest = name.partition("/")
    run = "val" if split in MEASURED else "train"
    return run, rest if split == run else name


def grid(images: Tensor) -> Tensor:
    """Lay (N, C, H, W) out as one picture (C, rows * H, columns * W), about square; black fills up.

    Where it can the rows are full, so that pictures that come in groups of a size stand in columns.
    """
    side = math.isqrt(len(images))
    full_rows = [columns for columns in range(side, side // 2, -1) if len(images) % columns == 0]
    columns = full_rows[0] if full_rows else side + (side * side < len(images))
    rows = math.ceil(len(images) / columns)
    full = images.new_zeros(rows * columns, *images.shape[1:])
    full[: len(images)] = images
    by_row = full.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4)
    return by_row.flatten(3, 4).flatten(1, 2)


def _line(record: Record) -> str:
    return line(record.epoch, record.metrics)
