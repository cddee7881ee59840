"""Rows of a table into inputs once more, as a trained model was shown them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from torch import Tensor

from regbench.data.checks.suspicions import NO_VALUE
from regbench.data.table_files.inputs import OTHER, CategoryInputs, from_plain, inputs_of
from regbench.errors import brief, nearest


class RowEncoder:
    """How rows with the names of columns become inputs.

    Args:
        columns: as `regbench.data.table_files.inputs.plain` gives them.

    Raises:
        TypeError, KeyError: they are something else.
    """

    def __init__(self, columns: Sequence[Mapping[str, Any]]) -> None:
        self.columns = from_plain(columns)

    def __call__(self, rows: Any) -> Tensor:
        """Inputs (N, F) of N rows: dicts of values by column, or a data frame of polars or pandas.

        Columns that the model does not know are passed over. None, NaN and empty text are missing values.

        Raises:
            ValueError: they are something else, lack a column, or hold a word where a number must be.
        """
        listed = _listed(rows)
        table = np.full((len(listed), len(self.columns)), np.nan)
        for place, column in enumerate(self.columns):
            place_of = _Places(column.categories if isinstance(column, CategoryInputs) else ())
            for number, row in enumerate(listed):
                if column.name not in row:
                    raise ValueError(
                        f"row {number + 1} must have a value of the column {column.name!r}, None where it is "
                        f"missing, got none{nearest(column.name, map(str, row))}"
                    )
                value = row[column.name]
                if isinstance(column, CategoryInputs):
                    table[number, place] = place_of(value)
                else:
                    table[number, place] = _number(value, column.name, number)
        return inputs_of(table, self.columns)


class _Places:
    """The place of a value among categories: by its text, and a number's by its value, 2 being 2.0 too."""

    def __init__(self, categories: Sequence[str]) -> None:
        self.texts = {name: place for place, name in enumerate(categories)}
        self.numbers: dict[float, int] = {}
        for name, place in self.texts.items():
            with suppress(ValueError):
                self.numbers.setdefault(float(name), place)

    def __call__(self, value: Any) -> float:
        text = text_of(value)
        if text is None:
            return math.nan
        if text not in self.texts and isinstance(value, int | float) and not isinstance(value, bool):
            return self.numbers.get(float(value), OTHER)
        return self.texts.get(text, OTHER)


def text_of(value: Any) -> str | None:
    """A category as a table's text has it: 1 for 1.0, true for True; None for what is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() or None


def _listed(rows: Any) -> list[Mapping[str, Any]]:
    if hasattr(rows, "to_dicts"):
        return list(rows.to_dicts())
    if hasattr(rows, "to_dict"):
        return list(rows.to_dict("records"))
    sound = isinstance(rows, Sequence) and len(rows) > 0 and all(isinstance(row, Mapping) for row in rows)
    if not sound:
        raise ValueError(
            "rows must be a list of one dict or more, a value for each column, or a data frame, "
            f"got {brief(repr(rows), 60)}"
        )
    return list(rows)


def _number(value: Any, name: str, row: int) -> float:
    if value is None or (isinstance(value, str) and value.strip().lower() in NO_VALUE):
        return math.nan
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"row {row + 1} must have a number in the column {name!r}, got {brief(repr(value), 40)}"
        ) from error
    if math.isinf(number):
        raise ValueError(f"row {row + 1} must have a finite number in the column {name!r}, got {value!r}")
    return number
