"""The rows of a dataset in a file that several processes hold in memory once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from regbench.types import Dataset


def write_mapped(data: Dataset, path: Path) -> None:
    """Write all but the test split, which stays sealed.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("xb") as file:
        try:
            torch.save((replace(data, read_test=None), data.read_test is not None), file)
        except RuntimeError as error:  # torch hides the reason
            raise OSError(f"cannot write {path}: {error}") from error


def read_mapped(path: Path) -> tuple[Dataset, bool]:
    """The dataset without its test split, and whether it has one; changes stay in this process.

    Args:
        path: of a file that this command has written, as it is trusted.
    """
    data, has_test = torch.load(path, mmap=True, weights_only=False)
    return data, has_test
