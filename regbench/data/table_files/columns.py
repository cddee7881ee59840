"""What the columns of a table are, numbers or categories, and their values as numbers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from regbench.data.checks.suspicions import NO_VALUE
from regbench.data.table_files.csv_rows import Cells, shown_name
from regbench.data.typed import BARE
from regbench.errors import brief, counted

MOST_CATEGORIES = 10_000
UNKNOWN = -1.0  # the code of a category that the first file does not have
WORDS_OF_A_TEXT = 3  # on average, in a column of free text
FEWEST_TEXTS = 20  # different ones that make free text
DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}/\d{1,2}/\d{2})([T ].*)?$"
COMMAS = r"^[-+]?\d[\d.]*(,\d+)+$"


@dataclass(frozen=True)
class Column:
    """A column that inputs are made of.

    Attributes:
        name: in the header.
        categories: the different values of the first file, in alphabetical order; None where the column
            holds numbers.
    """

    name: str
    categories: tuple[str, ...] | None


class Unfit(ValueError):
    """A column that no input can be made of; says why."""


def columns_of(
    cells: Cells, names: Sequence[str], named: Sequence[str], ignored: Sequence[str]
) -> list[Column]:
    """What each of some columns is.

    Args:
        cells: the first file.
        names: the columns that inputs are made of.
        named: those whose values are categories even where they are numbers.
        ignored: the columns that a person leaves out already.

    Raises:
        ValueError: one cannot be used; the message names it, the first line at fault, and what to do.
    """
    found, unfit = [], {}
    for name in names:
        try:
            found.append(_column(cells, name, name in named))
        except Unfit as error:
            unfit[name] = str(error)
    if not unfit:
        return found
    first, why = next(iter(unfit.items()))
    others = f" ({counted(len(unfit) - 1, 'other column')} cannot be used either)" if len(unfit) > 1 else ""
    raise ValueError(
        f"{cells.path}: column {shown_name(first)!r} {why}{others}, or leave it out: type "
        f"{ignoring([*ignored, *unfit])}"
    )


def ignoring(names: Sequence[str]) -> str:
    """What to type for columns to be left out."""
    bare = all(BARE.fullmatch(name) for name in names)
    inner = ",".join(names if bare else (f'"{name}"' for name in names))
    return shlex.quote(f"dataset.ignore=[{inner}]") if not bare else f"dataset.ignore=[{inner}]"


def parsed(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The values as numbers, null where there are none, and which values are no numbers."""
    if series.dtype.is_numeric():
        return series.cast(pl.Float64).fill_nan(None), pl.Series([False]).new_from_index(0, len(series))
    values = series.set(series.str.to_lowercase().is_in(list(NO_VALUE)), None)
    numbers = values.cast(pl.Float64, strict=False).fill_nan(None)
    return numbers, values.is_not_null() & numbers.is_null()


def texts(series: pl.Series) -> pl.Series:
    """The values as text: 1, not 1.0, and true, not True."""
    if series.dtype.is_float():
        whole = (series == series.round()) & (series.abs() < 2**53)
        return (
            pl.select(
                pl.when(series.is_nan())
                .then(None)
                .when(whole)
                .then(series.cast(pl.Int64, strict=False).cast(pl.String))
                .otherwise(series.cast(pl.String))
            )
            .to_series()
            .rename(series.name)
        )
    values = series.cast(pl.String).str.strip_chars()
    return values.set(values == "", None)


def is_numeric(series: pl.Series) -> bool:
    """Whether values may be numbers: their type is one, or they are text to be looked at."""
    return series.dtype.is_numeric() or series.dtype == pl.String


def require_finite(cells: Cells, name: str, numbers: pl.Series) -> None:
    """Refuse infinite numbers.

    Raises:
        Unfit: there is one.
    """
    infinite = numbers.is_infinite().fill_null(False)
    if infinite.any():
        row = first(infinite)
        raise Unfit(f"must hold finite numbers, got {_shown(cells, name, row)}: mend it")


def first(mask: pl.Series) -> int:
    """The first row of those that a mask marks."""
    return int(mask.arg_true()[0])


def raw(cells: Cells, columns: Sequence[Column]) -> np.ndarray:
    """The columns (N, C) float64: numbers, the places of categories, NaN where a value is missing.

    Raises:
        ValueError: a column is not there, or holds something else than in the first file.
    """
    table = np.empty((len(cells.frame), len(columns)))
    for place, column in enumerate(columns):
        if column.name not in cells.frame.columns:
            raise ValueError(f"{cells.path} must have a column {shown_name(column.name)!r}, got none")
        try:
            table[:, place] = _raw(cells, column)
        except Unfit as error:
            raise ValueError(f"{cells.path}: column {shown_name(column.name)!r} {error}") from error
    return table


def _raw(cells: Cells, column: Column) -> np.ndarray:
    series = cells.frame[column.name]
    if column.categories is not None:
        values = texts(series)
        codes = values.cast(pl.Enum(column.categories), strict=False).to_physical().cast(pl.Float64)
        codes = codes.set(codes.is_null() & values.is_not_null(), UNKNOWN)
        return codes.fill_null(np.nan).to_numpy()
    if not is_numeric(series):
        raise Unfit(f"must hold numbers, got values of the type {series.dtype}")
    numbers, odd = parsed(series)
    if odd.any():
        raise Unfit(f"must hold numbers, got {_shown(cells, column.name, first(odd))}")
    require_finite(cells, column.name, numbers)
    return numbers.fill_null(np.nan).to_numpy()


def _column(cells: Cells, name: str, named: bool) -> Column:
    series = cells.frame[name]
    kind = series.dtype
    if kind.is_temporal():
        raise Unfit(_dated(f"values of the type {kind}"))
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        raise Unfit(f"must hold numbers or text, got values of the type {kind}: make columns of their parts")
    if is_numeric(series) and not named:
        numbers, odd = parsed(series)
        if numbers.null_count() == len(numbers) and not odd.any():
            raise Unfit(f"must hold values, got none in all {len(numbers):,} rows: fill it")
        if not odd.any():
            require_finite(cells, name, numbers)
            return Column(name, None)
        _require_words(cells, name, numbers, odd)
    values = texts(series)
    if values.null_count() == len(values):
        raise Unfit(f"must hold values, got none in all {len(values):,} rows: fill it")
    _require_categories(cells, name, values)
    return Column(name, tuple(values.drop_nulls().unique().sort().to_list()))


def _require_words(cells: Cells, name: str, numbers: pl.Series, odd: pl.Series) -> None:
    """Refuse numbers with commas, and numbers among which other words stand."""
    row, strange = first(odd), cells.frame[name].filter(odd)
    if strange.str.contains(COMMAS).all():
        raise Unfit(
            f"must hold numbers with a decimal point, got {_shown(cells, name, row)}: write 3.14 and 1000 "
            "for 3,14 and 1,000"
        )
    there = len(numbers) - numbers.null_count()
    if there >= len(strange):
        raise Unfit(
            f"must hold numbers or categories, got {_shown(cells, name, row)} and {there:,} numbers: mend "
            f"it, take all values for categories by {_naming(name)}"
        )


def _require_categories(cells: Cells, name: str, values: pl.Series) -> None:
    """Refuse text that is no category: dates, sentences, too many different words."""
    there = values.drop_nulls()
    row = first(values.is_not_null())
    if there.str.contains(DATE).all():
        raise Unfit(_dated(_shown(cells, name, row)))
    different = there.n_unique()
    words = there.str.count_matches(r"\S+").sum()
    if different > max(FEWEST_TEXTS, len(there) / 2) and words >= WORDS_OF_A_TEXT * len(there):
        raise Unfit(
            f"must hold numbers or categories, got free text, {_shown(cells, name, row)}: make columns of "
            "what it says (a model for text takes it by dataset=text_csv)"
        )
    if different > MOST_CATEGORIES:
        raise Unfit(
            f"must hold at most {MOST_CATEGORIES:,} different categories, got {different:,}: join them"
        )


def _dated(found: str) -> str:
    return (
        f"must hold numbers or categories, got dates, {found}: put what counts of them, such as the year, "
        "into columns of numbers"
    )


def _naming(name: str) -> str:
    shown = name if BARE.fullmatch(name) else f'"{name}"'
    return f"dataset.categories=[{shown}]"


def _shown(cells: Cells, name: str, row: int) -> str:
    return f"{brief(str(cells.frame[name][row]), 40)!r} in {cells.place(row)}"
