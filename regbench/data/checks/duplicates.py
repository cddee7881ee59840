"""Equal rows: those that stand in two splits, and those with two labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from regbench.data.stored_rows import Store, StoredRows, digests_of
from regbench.errors import counted

MOST_PAIRS = 3  # that a sentence names
CROSSINGS = (("val", "train"), ("select", "train"), ("val", "select"))


@dataclass(frozen=True)
class Part:
    """The rows of a split as the source returns them, before anything makes different ones equal.

    Attributes:
        rows: (N, ...); token rows may be narrower than another part's, as if padded with zeros.
        labels: (N,), the true ones; of numbers to predict (N, K).
        origin: where the i-th row came from, for a person to look it up.
        digests: (N,) of the rows, where they are known (`regbench.data.stored_rows`).
        file: that the rows are a map of; None where they are in memory.
    """

    rows: Tensor
    labels: Tensor
    origin: Callable[[int], str]
    digests: np.ndarray | None = None
    file: Path | None = None

    def label(self, row: int) -> Hashable:
        """Of a row: a class, or a tuple of numbers."""
        label = self.labels[row].tolist()
        return tuple(label) if isinstance(label, list) else label

    def digested(self, width: int) -> np.ndarray:
        """(N,) digests of the rows, filled up with zeros to a width."""
        if self.digests is not None and width == self.rows[:1].numel():
            return self.digests
        return digests_of(StoredRows(Store(self.rows)), width)


@dataclass(frozen=True)
class Occurrence:
    """Row `row` of a part, and its label."""

    part: str
    row: int
    label: Hashable


def of_rows(parts: Mapping[str, Part], classes: Sequence[str]) -> list[str]:
    """Sentences on equal rows in two of train, select and val, and on equal rows with two labels.

    Rows are equal if all their bytes are, by a digest of 128 bits. Where there are no classes, equal rows may
    well have different labels.
    """
    equal: dict[bytes, list[Occurrence]] = defaultdict(list)
    names = list(parts)
    for which, row, digest in _repeated(list(parts.values())):
        name = names[which]
        equal[digest].append(Occurrence(name, row, parts[name].label(row)))
    groups = list(equal.values())
    conflicts = _conflicts(groups, parts, classes) if classes else []
    return [*_crossings(groups, parts), *conflicts]


def of_test(test: Part, others: Sequence[Part]) -> list[str]:
    """A sentence on the test rows that stand among those that train, select and val are cut from."""
    places: dict[bytes, tuple[Part, int]] = {}
    twins = []
    for which, row, digest in _repeated([*others, test]):
        if which < len(others):
            places.setdefault(digest, (others[which], row))
        elif digest in places:
            twins.append((row, places[digest]))
    if not twins:
        return []
    total = len(test.labels)
    pairs = [f"{test.origin(row)} is {part.origin(twin)}" for row, (part, twin) in twins[:MOST_PAIRS]]
    return [
        f"{len(twins):,} of the {counted(total, 'test row')} ({len(twins) / total:.1%}) stand among the rows "
        f"that train, select and val are cut from ({', '.join(pairs)})"
    ]


def _crossings(groups: Sequence[Sequence[Occurrence]], parts: Mapping[str, Part]) -> list[str]:
    """On the rows that stand in two splits."""
    said: list[str] = []
    pairs: list[str] = []
    for held_out, other in CROSSINGS:
        shared, otherwise = 0, 0
        for group in groups:
            twins = [place for place in group if place.part == other]
            for place in group:
                if twins and place.part == held_out:
                    shared += 1
                    otherwise += all(place.label != twin.label for twin in twins)
                    if len(pairs) < MOST_PAIRS:
                        pairs.append(f"{_origin(parts, place)} is {_origin(parts, twins[0])}")
        if shared:
            rows = len(parts[held_out].labels)
            wrong = f", {otherwise:,} with another label" if otherwise else ""
            said.append(f"{shared:,} of {held_out}'s {rows:,} rows ({shared / rows:.1%}) in {other}{wrong}")
    if not said:
        return []
    return [
        f"equal rows stand in two splits: {'; '.join(said)}; on them memory passes for "
        f"generalization ({', '.join(pairs)})"
    ]


def _conflicts(
    groups: Sequence[Sequence[Occurrence]], parts: Mapping[str, Part], classes: Sequence[str]
) -> list[str]:
    """On the rows, of one split or of several, that are equal and have different labels."""
    torn = [group for group in groups if len({place.label for place in group}) > 1]
    if not torn:
        return []
    first = torn[0][0]
    second = next(place for place in torn[0] if place.label != first.label)
    rows = counted(sum(map(len, torn)), "row")
    return [
        f"equal inputs have different labels: {counted(len(torn), 'input')} in {rows} of train, select "
        f"and val ({_origin(parts, first)} is {_class(first, classes)!r}, {_origin(parts, second)} is "
        f"{_class(second, classes)!r})"
    ]


def _class(place: Occurrence, classes: Sequence[str]) -> str:
    return classes[place.label] if isinstance(place.label, int) else str(place.label)


def _origin(parts: Mapping[str, Part], place: Occurrence) -> str:
    return parts[place.part].origin(place.row)


def _repeated(parts: Sequence[Part]) -> Iterator[tuple[int, int, bytes]]:
    """The rows that are there more than once, in order: the number of the part, of the row, and the digest.

    A set of millions has few of them, and what is made of each takes more than its digest.
    """
    width = max(part.rows[0].numel() for part in parts)
    digests = [part.digested(width) for part in parts]
    every, ends = np.concatenate(digests), np.cumsum([len(found) for found in digests])
    halves = every.view(np.uint64).reshape(len(every), 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    same = (halves[order[1:]] == halves[order[:-1]]).all(1)
    twice = np.zeros(len(every), bool)
    twice[order[1:][same]] = twice[order[:-1][same]] = True
    for place in twice.nonzero()[0].tolist():
        which = int(np.searchsorted(ends, place, side="right"))
        yield which, place - int(ends[which]) + len(digests[which]), every[place].tobytes()
