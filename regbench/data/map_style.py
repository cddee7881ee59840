"""A torch Dataset as a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from regbench.data.checks.counts import by_class, spans
from regbench.data.checks.duplicates import Part, of_test
from regbench.data.keeping import Keeping
from regbench.data.map_labels import are_numbers, as_classes, as_numbers, numbers_of
from regbench.data.map_rows import Rows, read_rows
from regbench.data.splits import fifth_apart
from regbench.data.stored_rows import StoredRows
from regbench.errors import counted
from regbench.storage.digests import digest_of
from regbench.tasks import LOSSES, Loss

WITH_CHANNELS = 3  # axes of an image
MOST_CLASSES = 1_000_000
WHITE = 255  # of pixels that are bytes


class MapStyle:
    """Read the rows of map-style datasets once; without a dataset for test a fifth of train is.

    Inputs are images of Pillow, tensors (C, H, W) or of another shape, or arrays; labels numbers from 0,
    names, or rows with one 1. Classes have the names in the dataset's `classes`, where it has such. Labels
    that are floats, or rows of them, not all whole, are numbers to predict, and so are others where the
    dataset names them in `number_names`; it may say more of them in `unit` and `loss_form`.

    Args:
        parts: the dataset of each split: train, and val or test where there are such.
        said: how they were made, a phrase each.
        keeping: where the rows are put; None: in memory.
    """

    scale = 255.0

    def __init__(
        self, parts: Mapping[str, Any], said: Sequence[str] = (), keeping: Keeping | None = None
    ) -> None:
        self._parts, self._said = parts, list(said)
        self._keeping = Keeping() if keeping is None else keeping

    @property
    def in_shape(self) -> tuple[int, ...]:
        return tuple(self._read["train"].inputs.shape[1:])

    @property
    def num_classes(self) -> int:
        return len(self.targets or self.classes)

    @cached_property
    def targets(self) -> Sequence[str]:
        """What the numbers to predict are called; empty where labels are classes.

        Raises:
            ValueError: the dataset has another number of names.
        """
        labels, dataset = self._read["train"].labels, self._parts["train"]
        found = getattr(dataset, "number_names", None)
        names = [str(name) for name in found] if isinstance(found, list | tuple) else []
        named = bool(names)
        if not are_numbers(labels, named):
            return ()
        width = max(len(numbers_of(label) or ()) for label in labels if isinstance(label, tuple) or named)
        if named and len(names) != width:
            raise ValueError(
                f"number_names must be {counted(width, 'name')}, one for each number, got {len(names)}"
            )
        if named:
            return names
        return [f"number {place}" for place in range(width)] if width > 1 else ["number"]

    @property
    def unit(self) -> str:
        """What the dataset says in an attribute of that name."""
        unit = getattr(self._parts["train"], "unit", "")
        return unit if isinstance(unit, str) else ""

    @property
    def loss_form(self) -> Loss:
        """What the dataset says in an attribute of that name; else squared.

        Raises:
            ValueError: there is no such loss.
        """
        form = getattr(self._parts["train"], "loss_form", LOSSES[0])
        if form not in LOSSES:
            raise ValueError(f"loss_form must be one of {', '.join(LOSSES)}, got {form!r}")
        return form

    @property
    def mirrors(self) -> bool:
        """What the dataset says in an attribute of that name; photographs keep their label."""
        return getattr(self._parts["train"], "mirrors", True) is not False

    @cached_property
    def classes(self) -> Sequence[str]:
        """The dataset's own names; else the names that train's labels are, or their numbers.

        Raises:
            ValueError: numbered labels do not begin at 0, or one is left out, or some are names.
        """
        labels = set(as_classes(self._read["train"].labels, "train"))
        own = _names_of(self._parts["train"])
        if own:
            return own
        named = {label for label in labels if isinstance(label, str)}
        if named and labels - named:
            both = f"{min(named)!r} and {min(int(label) for label in labels - named)}"
            raise ValueError(f"labels must be numbers or names, not some of each, got {both}")
        if named:
            return sorted(named)
        return [str(number) for number in range(_number_of(self._parts["train"], labels))]

    def fetch(self) -> None:
        """Read all rows.

        Raises:
            ValueError: a row or a label is not what it should be.
        """
        _ = self._labels, self.loss_form

    def content(self) -> str:
        return digest_of(
            *(t for split in self._read for t in (self._read[split].inputs, self._labels[split]))
        )

    def train(self) -> tuple[Tensor, Tensor]:
        return self._rows("train")

    def val(self) -> tuple[Tensor, Tensor] | None:
        return self._rows("val") if self.has_val else None

    def test(self) -> tuple[Tensor, Tensor]:
        return self._rows("test")

    def stored(self, part: str) -> tuple[StoredRows, Tensor]:
        if self._places is None:
            return StoredRows(self._read[part].store), self._labels[part]
        places = self._places[part == "test"]
        return StoredRows(self._read["train"].store, places), self._labels["train"][places]

    @property
    def has_val(self) -> bool:
        return "val" in self._read

    @property
    def has_test(self) -> bool:
        return "test" in self._read or len(self._read) == 1

    def found(self) -> str:
        rows = ", ".join(f"{len(read.labels)} {split}" for split, read in self._read.items())
        kind = str(self._read["train"].inputs.dtype).split(".")[-1]
        name = type(self._parts["train"]).__name__
        said = [f"{name}: {self._found_labels()}", f"rows: {rows}, each {kind} {self.in_shape}", *self._said]
        if len(self._read) == 1:
            said.append("a fifth of them test")
        elif not self.has_test:
            said.append("no test split, so that none is sealed")
        return "; ".join(said)

    def _found_labels(self) -> str:
        """How many rows each class has, or between what numbers lie."""
        every = torch.cat(list(self._labels.values()))
        if self.targets:
            return spans(self.targets, every, self.unit)
        counts = torch.bincount(every, minlength=self.num_classes).tolist()
        return by_class(self.classes, counts, "rows")

    def warnings(self) -> Sequence[str]:
        said = self._of_images() if len(self.in_shape) == WITH_CHANNELS else []
        if self.has_test:
            others = [part for part in ("train", "val") if part == "train" or part in self._read]
            said += of_test(self._part("test"), [self._part(part) for part in others])
        return [f"dataset: {sentence}" for sentence in said]

    def origin(self, part: str, row: int) -> str:
        """The number of a row in the dataset itself."""
        place = row if self._places is None else int(self._places[part == "test"][row])
        return f"{part if self._places is None else 'train'} row {place}"

    def _of_images(self) -> list[str]:
        """Sentences on shapes and pixels that are seldom meant."""
        said = []
        channels, _, width = self.in_shape
        if channels > width and width in (1, 3):
            said.append(f"inputs are read as (C, H, W), and {self.in_shape} looks like (H, W, C)")
        inputs = self._read["train"].inputs
        if inputs.is_floating_point() and (inputs.min() < 0 or inputs.max() > 1):
            like_bytes = inputs.min() >= 0 and WHITE / 2 < inputs.max() <= WHITE
            cure = "divide them by 255, or return them as uint8" if like_bytes else "leave out Normalize"
            said.append(
                f"pixels lie in {inputs.min():.4g} to {inputs.max():.4g}, and most members that change "
                f"images refuse them outside 0 to 1; {cure}: inputs are standardized before the model"
            )
        return said

    @cached_property
    def _read(self) -> Mapping[str, Rows]:
        """The rows of every part; a val that is another part under its name is none.

        Raises:
            ValueError: as `read_rows`, or test has the rows of train, or rows of another shape.
        """
        read = {split: read_rows(dataset, split, self._keeping) for split, dataset in self._parts.items()}
        train = read["train"].inputs
        if "test" in read and _same(read["test"], read["train"]):
            raise ValueError("the test rows must not be the train rows, got the same for both")
        if "val" in read and any(_same(read["val"], read[split]) for split in read if split != "val"):
            del read["val"]
        for split, rows in read.items():
            if rows.inputs.shape[1:] != train.shape[1:] or rows.inputs.dtype != train.dtype:
                shapes = [f"{t.dtype} {tuple(t.shape[1:])}" for t in (train, rows.inputs)]
                raise ValueError(f"{split} rows must be {shapes[0]} as train rows are, got {shapes[1]}")
        return read

    @cached_property
    def _labels(self) -> Mapping[str, Tensor]:
        """Labels of every part as numbers of the classes, (N,), or as numbers to predict, (N, K) float64.

        Raises:
            ValueError: a label is no class, or not so many numbers.
        """
        if self.targets:
            width = len(self.targets)
            return {split: as_numbers(rows.labels, width, split) for split, rows in self._read.items()}
        numbers = {name: number for number, name in enumerate(self.classes)}
        return {
            split: _numbered(as_classes(rows.labels, split), numbers, split)
            for split, rows in self._read.items()
        }

    @cached_property
    def _places(self) -> tuple[Tensor, Tensor] | None:
        """Which rows are train's and which test's, where one dataset is both."""
        return fifth_apart(self._labels["train"]) if len(self._read) == 1 else None

    def _rows(self, split: str) -> tuple[Tensor, Tensor]:
        rows, labels = self.stored(split)
        return rows[slice(0, len(rows))], labels

    def _part(self, split: str) -> Part:
        rows, labels = self.stored(split)
        first = rows[slice(0, 1)]  # nobody asks for more, as the digests are known
        return Part(first, labels, partial(self.origin, split), rows.digests())


def _same(one: Rows, other: Rows) -> bool:
    return one.labels == other.labels and torch.equal(one.inputs, other.inputs)


def _names_of(dataset: Any) -> list[str]:
    """The names in a dataset's `classes`, the first of several for a class; none where it has no list."""
    classes = getattr(dataset, "classes", None)
    if not isinstance(classes, list | tuple) or not classes:
        return []
    return [str(name[0] if isinstance(name, tuple | list) and name else name) for name in classes]


def _number_of(dataset: Any, labels: set[int | str]) -> int:
    """How many classes numbered labels make, by the dataset's `num_classes` or by the labels themselves.

    Raises:
        ValueError: they do not begin at 0, or one is left out, or there are more than anyone can have.
    """
    numbers = sorted(int(label) for label in labels)
    own = getattr(dataset, "num_classes", None)
    if isinstance(own, int) and own > MOST_CLASSES:
        raise ValueError(f"num_classes must be at most {MOST_CLASSES}, got {own}")
    if isinstance(own, int) and own > 0:
        return own
    if numbers[0] != 0:
        raise ValueError(f"labels must begin at 0, got {numbers[0]} to {numbers[-1]}")
    lacking = next((place for place, number in enumerate(numbers) if place != number), None)
    if lacking is not None:
        raise ValueError(
            f"labels must leave out none of 0 to {numbers[-1]}, got no {lacking}; a dataset with classes of "
            "which train has no row says so by an attribute classes or num_classes"
        )
    return len(numbers)


def _numbered(labels: Sequence[int | str], numbers: Mapping[str, int], split: str) -> Tensor:
    found = []
    for row, label in enumerate(labels):
        place = numbers.get(label) if isinstance(label, str) else label
        if place is None or not 0 <= place < len(numbers):
            known = ", ".join(list(numbers)[:5]) + (", ..." if len(numbers) > 5 else "")
            want = f"one of {known}" if isinstance(label, str) else f"in 0 to {len(numbers) - 1}"
            raise ValueError(f"the label of {split} row {row} must be {want}, got {label!r}")
        found.append(place)
    return torch.tensor(found)
