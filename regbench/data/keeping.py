"""Where the rows of splits are kept: in memory, or in files that are mapped into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from regbench.data.mapped_files import blank, written_once
from regbench.data.memory import available, require_memory
from regbench.data.stored_rows import StoredRows

Memory = Literal["auto", "mapped", "whole"]
SHARE = 4  # of the free memory rows may take a quarter: they are there twice while they are cut
COPIES = 2  # of the rows in memory: as read, and cut into splits
FOLDER = "mapped"  # in the root
ELSEWHERE = "; dataset.memory=mapped needs less"


@dataclass(frozen=True)
class Keeping:
    """Where the rows of a dataset are kept.

    Attributes:
        asked: in memory (`whole`), in files (`mapped`), or in files where they would take more than a quarter
            of the free memory (`auto`).
        folder: of the files.
        sharing: how many processes of this machine will have rows in memory of their own.
    """

    asked: Memory = "whole"
    folder: Path = Path(FOLDER)
    sharing: int = 1

    def is_mapped(self, need: int, what: str) -> bool:
        """Whether rows of so many bytes are kept in files.

        Raises:
            ValueError: they are not, by the person's word, and do not fit into memory.
        """
        if self.asked == "mapped":
            return True
        need, there = need * self.sharing, available()
        if self.asked == "auto":
            return there is not None and need * SHARE > there
        require_memory(need * COPIES, what, ELSEWHERE)
        return False

    def kept(self, rows: StoredRows) -> StoredRows:
        """The same rows in a file of which memory is a map.

        Raises:
            ValueError: they cannot be written.
        """
        if rows.file is not None:
            return rows
        try:
            return written_once(rows, self.folder)
        except (OSError, TypeError) as error:  # the latter: a type that NumPy lacks
            raise ValueError(_complaint(self.folder, error)) from error

    def blank(self, shape: Sequence[int], dtype: torch.dtype, what: str) -> Tensor:
        """Room for rows (N, ...) that are read one by one, in memory or in a file.

        Raises:
            ValueError: there is no room.
        """
        need = prod(shape) * torch.empty(0, dtype=dtype).element_size()
        if not self.is_mapped(need, what):
            return torch.empty(tuple(shape), dtype=dtype)
        try:
            return blank(shape, dtype, self.folder, what)
        except OSError as error:
            raise ValueError(_complaint(self.folder, error)) from error


def _complaint(folder: Path, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"memory=mapped must be able to write rows into {folder}, got {reason}; set dataset.root to another "
        "folder, or dataset.memory=whole where they fit into memory"
    )
