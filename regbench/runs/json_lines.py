"""The lines of `metrics.jsonl`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regbench.records.course import line
from regbench.storage.files import append, write_text
from regbench.types import Record


class JsonLines:
    """`metrics.jsonl`, a line per epoch, each on the disk before the next begins: the truth.

    It is no sink that could be left out, and what it cannot write ends the run.

    Args:
        path: of the file.
        history: of the epochs that are done.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, history: Sequence[Record] = ()) -> None:
        write_text(path, "".join(map(_line, history)))  # what is there may end in the middle of a line
        self._file = path.open("ab", buffering=0)

    def write(self, record: Record) -> None:
        """Add the record of an epoch that is done.

        Raises:
            OSError: it cannot be written; no half of it is.
        """
        append(self._file, _line(record).encode())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _line(record: Record) -> str:
    return line(record.epoch, record.metrics)
