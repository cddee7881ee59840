"""Rows that are had piece by piece: those of a source that may be larger than the memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

AT_ONCE = 2**25  # bytes of rows that are made or copied at any moment
DIGEST = np.dtype("V16")  # of a row, 128 bits


class Store:
    """Rows in memory, or in a file of which memory is a map.

    Args:
        values: (M, ...).
        file: that `values` is a map of, whole; None where that has no name, or there is none.
        digests: as `digests` is, where they are known.
    """

    def __init__(self, values: Tensor, file: Path | None = None, digests: np.ndarray | None = None) -> None:
        self.values, self.file, self._known = values, file, digests

    @cached_property
    def digests(self) -> np.ndarray:
        """(M,) of `DIGEST`, of each row: found in one pass, and kept."""
        return digests_of(StoredRows(self)) if self._known is None else self._known


@dataclass(frozen=True)
class StoredRows:
    """Some rows of a store, in an order.

    Attributes:
        store: holds them, and may hold others.
        places: (N,) int64, where each of them is; None: all, in order.
    """

    store: Store
    places: Tensor | None = None

    def __len__(self) -> int:
        return len(self.store.values if self.places is None else self.places)

    def __getitem__(self, part: slice) -> Tensor:
        """Some of them: where they follow one another in the store a view of it, else a copy."""
        if self.places is None:
            return self.store.values[part]
        places = self.places[part]
        if len(places) and bool((places.diff() == 1).all()):
            return self.store.values[int(places[0]) : int(places[-1]) + 1]
        return self.store.values[places]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self.store.values.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        return self.store.values.dtype

    @property
    def row_bytes(self) -> int:
        """Of one of them."""
        values = self.store.values
        return values[:1].numel() * values.element_size()

    @property
    def file(self) -> Path | None:
        """The file that they lie in, one after the other, as a map of it has them; None where they do not."""
        follow = self.places is None or bool((self.places.diff() == 1).all())
        return self.store.file if follow else None

    def taken(self, places: Tensor) -> StoredRows:
        """Some of them, by their numbers (R,), and nothing is copied but numbers."""
        return StoredRows(self.store, places if self.places is None else self.places[places])

    def pieces(self) -> list[slice]:
        """All of them in order, cut so that a piece takes about `AT_ONCE` bytes."""
        size = max(1, AT_ONCE // max(1, self.row_bytes))
        return [slice(start, min(start + size, len(self))) for start in range(0, len(self), size)]

    def digests(self) -> np.ndarray:
        """(N,) of `DIGEST`, of each row."""
        return self.store.digests if self.places is None else self.store.digests[self.places.numpy()]


def digests_of(rows: StoredRows, width: int | None = None) -> np.ndarray:
    """(N,) of `DIGEST`: equal for rows whose bytes are equal, and for zeros of either sign.

    Args:
        rows: any.
        width: numbers of a row that is filled up with zeros; None: as many as it has.
    """
    found = np.empty(len(rows), DIGEST)
    width = rows.store.values[:1].numel() if width is None else width
    for part in rows.pieces():
        found[part] = np.frombuffer(b"".join(_of_each(rows[part], width)), DIGEST)
    return found


def _of_each(rows: Tensor, width: int) -> Iterator[bytes]:
    flat = rows.cpu().reshape(len(rows), -1)
    flat = pad(flat, (0, width - flat.shape[1])) if flat.shape[1] < width else flat
    if flat.is_floating_point():
        flat = flat + 0.0  # -0.0 becomes 0.0, which it equals
    for row in flat.contiguous().view(torch.uint8).numpy():
        yield blake2b(row, digest_size=DIGEST.itemsize).digest()
