"""TensorBoard."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from torch import Tensor

from regbench.errors import as_typed
from regbench.folders.ownership import EVENTS, SUB_RUNS
from regbench.folders.removal import EVENT_FILE, remove_events
from regbench.sinks import event_bytes
from regbench.sinks.base import Sink, Start
from regbench.sinks.pictures import grid
from regbench.storage.files import append
from regbench.types import Record

MEASURED = ("val", "select", "gap")  # what is known of rows that are not learned from


class TensorBoard(Sink):
    """Curves, pictures and tables in TensorBoard, from event files in `tensorboard/` of the run folder.

    There are two sub-runs, so that TensorBoard's list of runs stays short. "train/loss" and "val/loss" become
    tag `loss` of the sub-runs `train` and `val`, and share a chart. All else keeps its whole name: select and
    gap in `val`; what is of training, and members' own, in `train`.
    """

    def __init__(self) -> None:
        self._files: dict[str, Events] = {}

    def start(self, run: Start) -> None:
        self._folder = run.folder / EVENTS
        remove_events(self._folder, SUB_RUNS)  # events cannot be cut, so they are written again
        for record in run.history:
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

    def command(self) -> str:
        return f"tensorboard --logdir {as_typed(str(self._folder))}"


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
        append(self._file, event_bytes.first_record(time.time()))

    def add(self, summary: bytes, step: int) -> None:
        """Write a summary as an event of a step.

        Raises:
            OSError: it cannot be written; no half of it is.
        """
        append(self._file, event_bytes.record(time.time(), step, summary))

    def close(self) -> None:
        self._file.close()


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
