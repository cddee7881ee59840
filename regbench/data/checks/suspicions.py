"""Labels that are seldom meant: numbers as classes, classes of hardly any rows, names that are no names."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import torch
from torch import Tensor

from regbench.errors import counted, listed

MOST_NAMED = 5  # classes that a sentence names; the others it counts
FEW_CLASSES = 10  # that have names of their own in a small dataset
FEWEST_ROWS = 3  # one for train, one for select, one for val
ROWS_PER_CLASS = 10  # with fewer on average labels are taken for numbers or for the names of the rows
NO_VALUE = frozenset(
    ["", "?", "#n/a", "#na", "-nan", "<na>", "missing", "n/a", "na", "nan", "nat", "nil", "none", "null"]
)


def of_labels(labels: Tensor, classes: Sequence[str]) -> list[str]:
    """A sentence for each way in which labels look wrong before anything is cut.

    Args:
        labels: (N,) of all rows that train, select and val are cut from.
        classes: the names of the classes.
    """
    sizes = torch.bincount(labels, minlength=len(classes)).tolist()
    used = [number for number, rows in enumerate(sizes) if rows]
    said = []
    if len(used) * ROWS_PER_CLASS > len(labels):
        doubt = _not_classes([classes[number] for number in used], len(labels), classes)
        said.append(
            f"dataset: {len(used):,} classes stand in {len(labels):,} rows, more than one for every "
            f"{ROWS_PER_CLASS}{doubt} {listed((repr(classes[number]) for number in used), MOST_NAMED)}"
        )
    if unused := [number for number, rows in enumerate(sizes) if not rows]:
        said.append(
            f"dataset: {len(unused):,} of the {len(classes):,} classes have no row that train, select or val "
            f"could take: {listed((repr(classes[number]) for number in unused), MOST_NAMED)}"
        )
    if rare := [number for number in used if sizes[number] < FEWEST_ROWS]:
        said.append(
            f"dataset: fewer than {FEWEST_ROWS} rows, so that train, select and val cannot all have one, are "
            f"of {counted(len(rare), 'class')}: {_with_rows(rare, classes, sizes)}"
        )
    for alike in _alike([(classes[number], number) for number in used]):
        said.append(
            "dataset: classes differ in nothing but blanks, case or notation: "
            f"{_with_rows(alike, classes, sizes)}; are they one?"
        )
    if empty := [number for number in used if _plain(classes[number]) in NO_VALUE]:
        said.append(
            f"dataset: a missing value is read as a class: {_with_rows(empty, classes, sizes)}; "
            "leave such rows out where they have no label"
        )
    return said


def _not_classes(names: Sequence[str], rows: int, classes: Sequence[str]) -> str:
    """The question whether labels are classes at all; of a few names in a small dataset nobody need ask."""
    counted_up = list(classes) == [str(number) for number in range(len(classes))]
    numbers = not counted_up and all(isinstance(_value(_plain(name)), Decimal) for name in names)
    many = len(names) > FEW_CLASSES or len(names) * FEWEST_ROWS > rows
    if numbers or many:
        return "; are the labels numbers to predict, or the names of the rows?"
    return ", few to learn from and few to judge by:"


def of_splits(splits: Mapping[str, Tensor], classes: Sequence[str]) -> list[str]:
    """A sentence on the classes that a split lacks after the cut.

    Args:
        splits: the labels (N,) of train, select and val.
        classes: the names of the classes.
    """
    sizes = {name: torch.bincount(labels, minlength=len(classes)) for name, labels in splits.items()}
    somewhere = torch.stack(list(sizes.values())).sum(0) > 0
    lacking = []
    for name, rows in sizes.items():
        absent = (somewhere & (rows == 0)).nonzero().flatten().tolist()
        if absent:
            lacking.append(
                f"{name} has no row of {listed((repr(classes[number]) for number in absent), MOST_NAMED)}"
            )
    if not lacking:
        return []
    unseen = int(sizes["val"][sizes["train"] == 0].sum())
    judged = f"; {counted(unseen, 'row')} of val can only be wrong: train never shows their label"
    return [f"dataset: {', '.join(lacking)}{judged if unseen else ''}"]


def _with_rows(numbers: Sequence[int], classes: Sequence[str], sizes: Sequence[int]) -> str:
    return listed(
        (f"{classes[number]!r} ({counted(sizes[number], 'row')})" for number in numbers), MOST_NAMED
    )


def _alike(named: Iterable[tuple[str, int]]) -> list[list[int]]:
    """The classes, by number, that only look different."""
    groups: dict[str | Decimal, list[int]] = defaultdict(list)
    for name, number in named:
        groups[_value(_plain(name))].append(number)
    return [group for group in groups.values() if len(group) > 1]


def _plain(name: str) -> str:
    """A name without case, blanks, invisible signs, and other ways to write the same letter."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in folded if not sign.isspace() and unicodedata.category(sign) != "Cf")


def _value(plain: str) -> str | Decimal:
    """A number for a name that is one, so that 1 is 1.0."""
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return plain
    return number if number.is_finite() and "_" not in plain else plain
