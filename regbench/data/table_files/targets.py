"""The column to predict: classes or numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from regbench.data.table_files.columns import first, is_numeric, parsed, texts
from regbench.data.table_files.csv_rows import Cells, shown_name
from regbench.errors import brief, counted

Asked = Literal["auto", "classification", "regression"]
MOST_CLASSES = 1000
NUMBERS_FROM = 21  # different numbers that are taken for numbers to predict, fewer for classes


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        name: of the column.
        classes: their names, in order; None where numbers are predicted.
        why: what a person should know of how that was decided; may be empty.
    """

    name: str
    classes: tuple[str, ...] | None
    why: str = ""


def target_of(cells: Cells, name: str, asked: Asked) -> Target:
    """Decide by the first file what a column is to predict.

    auto: numbers where the column holds nothing but numbers, 21 different ones or more; else classes.

    Raises:
        ValueError: the column holds no such thing.
    """
    series = cells.frame[name]
    if series.dtype.is_temporal() or series.dtype.is_nested() or series.dtype in (pl.Binary, pl.Object):
        raise ValueError(
            f"{cells.path}: target {shown_name(name)!r} must hold classes or numbers, got values of the type "
            f"{series.dtype}"
        )
    if texts(series).null_count() == len(series):
        raise ValueError(
            f"{cells.path}: target {shown_name(name)!r} must hold values, got none in all "
            f"{len(series):,} rows"
        )
    if asked == "classification":
        return Target(name, _classes(cells, name))
    numbers, odd = parsed(series) if is_numeric(series) else (None, None)
    if asked == "regression":
        return _numbers(cells, name, numbers, odd)
    different = 0 if numbers is None or odd is None or odd.any() else numbers.drop_nulls().n_unique()
    if different >= NUMBERS_FROM:
        why = f"regression, as {shown_name(name)} holds {different:,} different numbers"
        how = "dataset.task=classification takes them for classes"
        return Target(name, None, f"{why}; {how}")
    if different:
        why = f"classification, as {shown_name(name)} holds no more than {different} different numbers"
        return Target(name, _classes(cells, name), f"{why}; dataset.task=regression predicts them as numbers")
    return Target(name, _classes(cells, name))


def labels_of(cells: Cells, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """The rows that have a target, by number, and their targets.

    These are classes (N,) int64, or numbers (N, 1) float64.

    Raises:
        ValueError: one is no class of the first file, or no finite number.
    """
    series = cells.frame[target.name]
    if target.classes is None:
        numbers = _finite(cells, target.name, *parsed(series))
        there = numbers.is_not_null()
        return there.arg_true().to_numpy(), numbers.filter(there).to_numpy(writable=True)[:, None]
    values = texts(series)
    codes = values.cast(pl.Enum(target.classes), strict=False).to_physical()
    strange = values.is_not_null() & codes.is_null()
    if strange.any():
        row = first(strange)
        raise ValueError(
            f"{cells.path} must have classes of the first file only in {shown_name(target.name)!r}, "
            f"got {brief(values[row], 40)!r} in {cells.place(row)}"
        )
    there = values.is_not_null()
    return there.arg_true().to_numpy(), codes.filter(there).cast(pl.Int64).to_numpy(writable=True)


def _classes(cells: Cells, name: str) -> tuple[str, ...]:
    """The different values: numbers in the order of numbers, all else in that of the alphabet."""
    values = texts(cells.frame[name])
    sizes = Counter(dict(values.drop_nulls().value_counts().iter_rows()))
    shown = f"{cells.path}: target {shown_name(name)!r}"
    if len(sizes) < 2:
        raise ValueError(f"{shown} must hold at least 2 classes, got {brief(next(iter(sizes)), 40)!r} alone")
    if len(sizes) > MOST_CLASSES:
        raise ValueError(
            f"{shown} must hold at most {MOST_CLASSES:,} classes, got {len(sizes):,}; where they are numbers "
            "to predict, type dataset.task=regression"
        )
    single = [value for value, rows in sizes.items() if rows == 1]
    if single:
        row = min(first(values == value) for value in single)
        more = f", and {counted(len(single) - 1, 'other class')} of one row" if len(single) > 1 else ""
        raise ValueError(
            f"{shown} must hold each class in at least 2 rows, got {brief(values[row], 40)!r} in "
            f"{cells.place(row)} alone{more}; leave the row out, or join classes"
        )
    return tuple(_in_order(sizes))


def _in_order(names: Iterable[str]) -> list[str]:
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


def _numbers(cells: Cells, name: str, numbers: pl.Series | None, odd: pl.Series | None) -> Target:
    """Refuse numbers to predict that are none, or all the same."""
    shown = f"{cells.path}: target {shown_name(name)!r}"
    if numbers is None or odd is None:
        raise ValueError(f"{shown} must hold numbers, got values of the type {cells.frame[name].dtype}")
    numbers = _finite(cells, name, numbers, odd)
    if numbers.drop_nulls().n_unique() < 2:
        raise ValueError(f"{shown} must hold different numbers, got {numbers.drop_nulls()[0]:g} alone")
    return Target(name, None)


def _finite(cells: Cells, name: str, numbers: pl.Series, odd: pl.Series) -> pl.Series:
    """The numbers, if they are finite ones."""
    wrong = odd | numbers.is_infinite().fill_null(False)
    if wrong.any():
        row = first(wrong)
        raise ValueError(
            f"{cells.path}: target {shown_name(name)!r} must hold finite numbers, "
            f"got {brief(str(cells.frame[name][row]), 40)!r} in {cells.place(row)}"
        )
    return numbers
