"""Equal rows: those that stand in two splits, and those with two labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import torch
from torch import Tensor
from torch.nn.functional import pad

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
    """

    rows: Tensor
    labels: Tensor
    origin: Callable[[int], str]

    @property
    def each_label(self) -> list[Hashable]:
        """The labels one by one: a class, or a tuple of numbers."""
        return [tuple(label) if isinstance(label, list) else label for label in self.labels.tolist()]


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
    width = max(part.rows[0].numel() for part in parts.values())
    equal: dict[bytes, list[Occurrence]] = defaultdict(list)
    for name, part in parts.items():
        for row, (key, label) in enumerate(zip(_digests(part.rows, width), part.each_label, strict=True)):
            equal[key].append(Occurrence(name, row, label))
    groups = [group for group in equal.values() if len(group) > 1]
    conflicts = _conflicts(groups, parts, classes) if classes else []
    return [*_crossings(groups, parts), *conflicts]


def of_test(test: Part, others: Sequence[Part]) -> list[str]:
    """A sentence on the test rows that stand among those that train, select and val are cut from."""
    width = max(part.rows[0].numel() for part in (test, *others))
    places: dict[bytes, tuple[Part, int]] = {}
    for part in others:
        for row, key in enumerate(_digests(part.rows, width)):
            places.setdefault(key, (part, row))
    twins = [(row, places[key]) for row, key in enumerate(_digests(test.rows, width)) if key in places]
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


def _digests(rows: Tensor, width: int) -> list[bytes]:
    """A digest of each row, filled up with zeros to a width."""
    flat = rows.cpu().reshape(len(rows), -1)
    flat = pad(flat, (0, width - flat.shape[1])) if flat.shape[1] < width else flat
    if flat.is_floating_point():
        flat = flat + 0.0  # -0.0 becomes 0.0, which it equals
    table = flat.contiguous().view(torch.uint8).numpy()
    return [blake2b(row, digest_size=16).digest() for row in table]
