"""A dataset in a file for other processes: its rows, or the name of the file in which they are already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from regbench.data.mapped_files import mapped
from regbench.types import Dataset, Split

SPLITS = ("train", "select", "val")


@dataclass(frozen=True)
class Place:
    """Rows of a file: the first, and the one after the last."""

    file: Path
    start: int
    end: int


def write_mapped(data: Dataset, path: Path) -> None:
    """Write all but the test split, which stays sealed, and rows that are in a file of their own.

    Raises:
        OSError: it cannot be written.
    """
    splits = {name: getattr(data, name) for name in SPLITS}
    places = {name: _place(split) for name, split in splits.items() if split.file is not None}
    without = {name: replace(splits[name], inputs=torch.empty(0), file=None) for name in places}
    kept = replace(data, read_test=None, **without)  # type: ignore[arg-type]
    with path.open("xb") as file:
        try:
            torch.save((kept, data.read_test is not None, places), file)
        except RuntimeError as error:  # torch hides the reason
            raise OSError(f"cannot write {path}: {error}") from error


def read_mapped(path: Path) -> tuple[Dataset, bool]:
    """The dataset without its test split, and whether it has one; changes stay in this process.

    Args:
        path: of a file that this command has written, as it is trusted.

    Raises:
        FileNotFoundError: it is not there, or a file that holds rows of it is gone.
    """
    data, has_test, places = torch.load(path, mmap=True, weights_only=False)
    maps = {place.file: mapped(place.file) for place in places.values()}
    for name, place in places.items():
        inputs = maps[place.file][place.start : place.end]
        data = replace(data, **{name: replace(getattr(data, name), inputs=inputs, file=place.file)})
    return data, has_test


def _place(split: Split) -> Place:
    assert split.file is not None
    start = int(split.inputs.storage_offset()) // split.inputs[:1].numel()
    return Place(split.file, start, start + len(split))
