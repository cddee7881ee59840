"""What the kept train rows of a table decide: which inputs its columns become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from regbench.data.table_files.columns import UNKNOWN, Column
from regbench.data.table_files.inputs import (
    OTHER,
    CategoryInputs,
    ColumnInputs,
    NumberInputs,
    inputs_of,
    plain,
)
from regbench.data.table_files.normal_scores import quantiles_of
from regbench.errors import counted, listed

Numbers = Literal["standardize", "quantile"]
MOST_NAMED = 5


@dataclass(frozen=True)
class TableEncoding:
    """How rows of a table, as the source returns them, become standardized inputs.

    Attributes:
        learned: the columns that have inputs, in their order.
        used: their places among the columns of the table.
        own: for each of them the place of each category of the table among those with inputs of their own,
            (categories,), OTHER where it has none; None for numbers.
        constant: names of the columns that are left out, as all kept train rows have one value.
        numbers: how numbers are mapped, as the note calls it.
    """

    learned: Sequence[ColumnInputs]
    used: Sequence[int]
    own: Sequence[np.ndarray | None]
    constant: Sequence[str]
    numbers: str
    rare: int
    size: None = None

    @property
    def in_shape(self) -> tuple[int, ...]:
        return (sum(column.width for column in self.learned),)

    @property
    def columns(self) -> tuple[int, ...]:
        """For each input the number of the column that it is made of."""
        return tuple(place for place, column in enumerate(self.learned) for _ in range(column.width))

    @property
    def kept(self) -> list[dict[str, Any]]:
        """What a loaded model needs, as plain values."""
        return plain(self.learned)

    def __call__(self, rows: Tensor) -> Tensor:
        """Inputs (N, F) float32."""
        table = rows.numpy()[:, list(self.used)]  # a copy
        for place, own in enumerate(self.own):
            if own is not None:
                table[:, place] = _renumbered(table[:, place], own)
        return inputs_of(table, self.learned)

    def note(self, train: Tensor, val: Tensor) -> str:
        numbers = [column for column in self.learned if isinstance(column, NumberInputs)]
        categories = [column for column in self.learned if isinstance(column, CategoryInputs)]
        said = [f"{counted(self.in_shape[0], 'input')} of {counted(len(self.learned), 'column')}"]
        if numbers:
            gaps = sum(column.indicator for column in numbers)
            more = f", {counted(gaps, 'indicator')} of missing values" if gaps else ""
            said.append(f"{counted(len(numbers), 'column')} of numbers, {self.numbers}{more}")
        if categories:
            together = sum(column.others for column in categories)
            more = f", rarer ones than {self.rare} together in {together}" if together else ""
            inputs = sum(column.width for column in categories)
            said.append(
                f"{counted(len(categories), 'column')} of categories, as {counted(inputs, 'input')} of "
                f"0 and 1{more}"
            )
        if self.constant:
            names = listed(map(repr, self.constant), MOST_NAMED)
            said.append(
                f"left out, as train has one value: {counted(len(self.constant), 'column')} ({names})"
            )
        return "; ".join([*said, *self._unseen(train, val)])

    def _unseen(self, train: Tensor, val: Tensor) -> list[str]:
        """What val has and train has not: categories, and gaps where train has none."""
        strange = missing = 0
        for place, column in zip(self.used, self.learned, strict=True):
            there, later = train[:, place], val[:, place]
            if isinstance(column, CategoryInputs):
                seen = there[~there.isnan()].unique()
                strange += int((~later.isnan() & ~torch.isin(later, seen)).sum())
            if later.isnan().any() and not there.isnan().any():
                missing += int(later.isnan().sum())
        said = [f"{counted(strange, 'value')} of val of categories that train lacks"] if strange else []
        if missing:
            said.append(
                f"{counted(missing, 'value')} missing in val where train misses none, taken for the mean"
            )
        return said


def encoding_of(train: Tensor, columns: Sequence[Column], numbers: Numbers, rare: int) -> TableEncoding:
    """Learn the inputs of a table from rows of it alone.

    Args:
        train: (N, columns) float64: numbers, the places of categories, NaN where a value is missing.
        columns: what they are.
        numbers: how numbers are mapped.
        rare: categories of fewer rows have one input together.

    Raises:
        ValueError: no column is left.
    """
    learned: list[ColumnInputs] = []
    used, owns, constant = [], [], []
    table = train.numpy()
    for place, column in enumerate(columns):
        found, own = _learned(column, table[:, place], numbers, rare)
        if found is None:
            constant.append(column.name)
            continue
        learned.append(found)
        used.append(place)
        owns.append(own)
    if not learned:
        raise ValueError(
            f"columns must differ between rows, got one value in all {len(table):,} train rows of each of "
            f"{counted(len(columns), 'column')}; categories of fewer than {rare} rows (dataset.rare) count "
            "as one"
        )
    named = {"standardize": "standardized", "quantile": "as normal scores of their quantiles"}[numbers]
    return TableEncoding(learned, used, owns, constant, named, rare)


def _learned(
    column: Column, values: np.ndarray, numbers: Numbers, rare: int
) -> tuple[ColumnInputs | None, np.ndarray | None]:
    """The inputs of one column, None where they would be the same in all rows; and its own categories."""
    missing = bool(np.isnan(values).any())
    there = values[~np.isnan(values)]
    if column.categories is None:
        number = _numbers_learned(column.name, there, numbers, missing and len(there) > 0)
        return (number if number.width else None), None
    counts = np.bincount(there.astype(int), minlength=len(column.categories))
    with_input = counts >= rare
    places = np.where(with_input, np.cumsum(with_input) - 1, OTHER).astype(float)
    names = tuple(name for name, has in zip(column.categories, with_input, strict=True) if has)
    gaps = len(values) - len(there)
    others = bool(((counts > 0) & ~with_input).any()) or 0 < gaps < rare
    category = CategoryInputs(column.name, names, gaps >= rare, others)
    return (category if category.width > 1 else None), places


def _numbers_learned(name: str, there: np.ndarray, numbers: Numbers, indicator: bool) -> NumberInputs:
    if not len(there):
        return NumberInputs(name, 0.0, 0.0, (), False)
    std = float(there.std()) if there.min() < there.max() else 0.0
    quantiles = quantiles_of(there) if numbers == "quantile" and std else ()
    return NumberInputs(name, float(there.mean()), std, quantiles, indicator)


def _renumbered(codes: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Places among all categories, to places among those with inputs of their own."""
    known = ~np.isnan(codes) & (codes != UNKNOWN)
    found = np.where(np.isnan(codes), np.nan, OTHER)
    found[known] = own[codes[known].astype(int)]
    return found
