"""How the values of a table's columns become inputs: plain values, kept with a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regbench.data.table_files.normal_scores import normal_scores

OTHER = -1.0  # the code of a category that has no input of its own


@dataclass(frozen=True)
class NumberInputs:
    """The inputs of a column of numbers.

    Attributes:
        name: of the column.
        mean: of the train rows that have a value.
        std: likewise, biased; 0 where all are the same, which have no input but the indicator.
        quantiles: of the train rows, where values are mapped to normal scores instead; else empty.
        indicator: whether a second input is 1 where the value is missing, else 0.
    """

    name: str
    mean: float
    std: float
    quantiles: tuple[float, ...]
    indicator: bool

    @property
    def width(self) -> int:
        return (self.std > 0) + self.indicator

    def fill(self, inputs: np.ndarray, values: np.ndarray) -> None:
        """Write the inputs (N, width), zeros before, of numbers (N,).

        NaN is a missing value, which counts as the mean, 0.
        """
        missing = np.isnan(values)
        if self.std > 0:
            scores = (values - self.mean) / self.std
            if self.quantiles:
                scores = normal_scores(values, self.quantiles)
            inputs[:, 0] = np.where(missing, 0.0, scores)
        if self.indicator:
            inputs[:, -1] = missing


@dataclass(frozen=True)
class CategoryInputs:
    """The inputs of a column of categories, one of which is 1 and the others 0.

    Attributes:
        name: of the column.
        categories: those that have an input of their own, in order.
        missing: whether the next input stands for no value.
        others: whether the last input stands for all others: what is rare in train, what it never has, and
            no value where that has no input. Without it these are 0 in all inputs.
    """

    name: str
    categories: tuple[str, ...]
    missing: bool
    others: bool

    @property
    def width(self) -> int:
        return len(self.categories) + self.missing + self.others

    def fill(self, inputs: np.ndarray, values: np.ndarray) -> None:
        """Write the inputs (N, width), zeros before, of the places (N,) of categories.

        NaN is a missing value, OTHER a category without an input of its own.
        """
        places = np.where(np.isnan(values), len(self.categories) if self.missing else OTHER, values)
        if self.others:
            places = np.where(places == OTHER, self.width - 1, places)
        rows = (places != OTHER).nonzero()[0]
        inputs[rows, places[rows].astype(int)] = 1.0


ColumnInputs = NumberInputs | CategoryInputs
KINDS: Mapping[str, type[ColumnInputs]] = {"numbers": NumberInputs, "categories": CategoryInputs}


def plain(columns: Sequence[ColumnInputs]) -> list[dict[str, Any]]:
    """All that is needed to make inputs again, as plain values."""
    names = {cls: kind for kind, cls in KINDS.items()}
    return [{"kind": names[type(column)], **asdict(column)} for column in columns]


def from_plain(columns: Sequence[Mapping[str, Any]]) -> list[ColumnInputs]:
    """What `plain` has returned, made again.

    Raises:
        TypeError, KeyError: it is something else.
    """
    return [
        KINDS[column["kind"]](**{name: value for name, value in column.items() if name != "kind"})
        for column in columns
    ]


def inputs_of(table: np.ndarray, columns: Sequence[ColumnInputs]) -> Tensor:
    """Inputs (N, F) float32 of a table (N, columns) of numbers and places of categories."""
    made = np.zeros((len(table), sum(column.width for column in columns)), dtype=np.float32)
    start = 0
    for place, column in enumerate(columns):
        column.fill(made[:, start : start + column.width], table[:, place])
        start += column.width
    return torch.from_numpy(made)
