"""The labels of a torch Dataset: classes by number or name, or numbers to predict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regbench.data.person_code import in_a_sentence

MOST_NUMBERS = 10_000  # of one row: what is longer is a picture
HINT = (
    "; floats that are not all whole are numbers to predict, and a dataset that means whole ones says so by "
    "an attribute number_names"
)


class OneHot(int):
    """The place of a 1 among zeros: a class, or else so many numbers.

    Attributes:
        width: how many there are, the 1 among them.
    """

    width: int

    @classmethod
    def of(cls, place: int, width: int) -> OneHot:
        made = cls(place)
        made.width = width
        return made

    @property
    def numbers(self) -> tuple[float, ...]:
        return tuple(float(place == self) for place in range(self.width))


Numbers = tuple[float, ...]
Label = int | str | Numbers  # one row's: a class, or one or more numbers


def label_of(value: Any, what: str) -> Label:
    """A label as a number or a name of a class, or as floats; a row with one 1 among zeros is its place.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | np.integer | np.bool_):
        return int(value)
    if isinstance(value, float | np.floating):
        return _finite((float(value),), what)
    if isinstance(value, Tensor | np.ndarray | list | tuple):
        with in_a_sentence(f"the label of {what}"):
            tensor = torch.as_tensor(value)
            vector = tensor.reshape(-1)
        exact = not vector.is_floating_point() and not vector.is_complex()
        if len(vector) == 1 and exact:
            return int(vector.item())
        if len(vector) > 1 and int((vector == 1).sum()) == 1 and int((vector == 0).sum()) == len(vector) - 1:
            return OneHot.of(int((vector == 1).nonzero().item()), len(vector))
        flat = sum(size > 1 for size in tensor.shape) <= 1
        if flat and 0 < len(vector) <= MOST_NUMBERS and not vector.is_complex():
            return _finite(tuple(vector.double().tolist()), what)
        value = vector.tolist()
    raise ValueError(_no_class(value, what))


def _finite(numbers: Numbers, what: str) -> Numbers:
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"the label of {what} must be finite, got {number}")
    return numbers


def _no_class(value: Any, what: str) -> str:
    shown = repr(value)
    return (
        f"the label of {what} must be one class: a whole number, a name, or a 1 among zeros, got "
        f"{shown if len(shown) < 40 else type(value).__name__}"
    )


def are_numbers(labels: Sequence[Label], declared: bool) -> bool:
    """Whether labels are numbers to predict: a float among them is not whole, or the dataset says so.

    Args:
        labels: of all rows.
        declared: whether the dataset has names for numbers to predict.
    """
    if declared:
        return not any(isinstance(label, str) for label in labels)
    return any(isinstance(label, tuple) and not all(map(float.is_integer, label)) for label in labels)


def as_classes(labels: Sequence[Label], split: str) -> Sequence[int | str]:
    """Labels of classes.

    Raises:
        ValueError: one is a float, or several numbers.
    """
    for row, label in enumerate(labels):
        if isinstance(label, tuple):
            value = label[0] if len(label) == 1 else list(label)
            raise ValueError(f"{_no_class(value, f'{split} row {row}')}{HINT}")
    return labels  # type: ignore[return-value]


def as_numbers(labels: Sequence[Label], width: int, split: str) -> Tensor:
    """Labels as numbers to predict, (N, K) float64.

    Args:
        labels: of all rows.
        width: K.
        split: whose rows they are.

    Raises:
        ValueError: a row has another number of them, or a name.
    """
    rows = []
    for row, label in enumerate(labels):
        numbers = numbers_of(label)
        if numbers is None or len(numbers) != width:
            each = "a number" if width == 1 else f"{width} numbers"
            got = repr(label) if numbers is None else f"{len(numbers)}"
            raise ValueError(
                f"the label of {split} row {row} must be {each} as that of the others, got {got}"
            )
        rows.append(numbers)
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, width)


def numbers_of(label: Label) -> Numbers | None:
    """What a label is as numbers; None of a name."""
    if isinstance(label, str):
        return None
    if isinstance(label, OneHot):
        return label.numbers
    return label if isinstance(label, tuple) else (float(label),)
