"""Sinks: where records go."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from regbench.types import Record


class Sink(Protocol):
    """Takes one record after another."""

    def write(self, record: Record) -> None:
        """Take a record."""

    def close(self) -> None:
        """Let go of what is open."""


class JsonLines:
    """`metrics.jsonl`, a line per epoch, each on the disk before the next begins: the truth."""

    def __init__(self, path: Path, history: Sequence[Record] = ()) -> None:
        temporary = path.with_name(path.name + ".tmp")  # what is there may end in the middle of a line
        temporary.write_text("".join(_line(record) for record in history))
        temporary.replace(path)
        self._file = path.open("ab", buffering=0)

    def write(self, record: Record) -> None:
        before = self._file.tell()
        line = _line(record).encode()
        try:
            if self._file.write(line) < len(line):
                raise OSError(28, "No space left on device", self._file.name)
        except OSError:
            self._file.truncate(before)  # no half a line
            raise

    def close(self) -> None:
        self._file.close()


MEASURED = ("val", "select", "gap")  # what is known of rows that are not learned from


class TensorBoard:
    """Event files of two sub-runs, so that TensorBoard's list of runs stays short.

    "train/loss" and "val/loss" become tag `loss` of the sub-runs `train` and `val`, and share a chart. All
    else keeps its whole name: select and gap in `val`; what is of training, and members' own, in `train`.
    """

    def __init__(self, folder: Path, history: Sequence[Record] = ()) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # events cannot be cut, so they are written again
        self._folder = folder
        self._writers: dict[str, Any] = {}
        for record in history:
            self.write(record)

    def write(self, record: Record) -> None:
        for name, value in record.metrics.items():
            run, tag = _placed(name)
            self._writer(run).add_scalar(tag, value, record.epoch)
        for writer in self._writers.values():
            writer.flush()

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        """Put each of the pictures, (N, C, H, W) in [0, 1], up as one grid under its name."""
        for name, images in pictures.items():
            run, tag = _placed(name)
            self._writer(run).add_image(tag, grid(images), epoch)

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        """Put each of the texts, in Markdown, up under its name."""
        for name, text in texts.items():
            run, tag = _placed(name)
            self._writer(run).add_text(tag, text, epoch)

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            from torch.utils.tensorboard import SummaryWriter  # a second that a run without it must not pay

            self._writers[run] = SummaryWriter(str(self._folder / run))
        return self._writers[run]

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


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
    return json.dumps({"epoch": record.epoch, **record.metrics}, allow_nan=False) + "\n"
