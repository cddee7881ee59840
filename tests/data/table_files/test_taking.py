"""Rows with names of columns, as a loaded model takes them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
import torch

from regbench.data.table_files.taking import RowEncoder

COLUMNS = [
    {"kind": "numbers", "name": "size", "mean": 2.0, "std": 0.5, "quantiles": [], "indicator": True},
    {"kind": "categories", "name": "code", "categories": ["1", "true"], "missing": True, "others": True},
]


def test_values_become_the_inputs_that_training_has_shown() -> None:
    encode = RowEncoder(COLUMNS)
    rows = [
        {"size": 3, "code": 1.0, "more": "x"},
        {"size": None, "code": True},
        {"size": " 1 ", "code": "no"},
    ]
    expected = [[2, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0], [-2, 0, 0, 0, 0, 1]]
    assert encode(rows).tolist() == expected
    frame = pl.DataFrame({"code": ["1", "true", "no"], "size": [3.0, None, 1.0]})
    assert encode(frame).tolist() == expected
    assert encode([{"size": "NA", "code": ""}]).tolist() == [[0, 1, 0, 0, 1, 0]]
    assert encode(rows).dtype == torch.float32


def test_a_number_is_a_category_however_it_was_written() -> None:
    written = [COLUMNS[1] | {"categories": ["1.0", "02"], "missing": False}]
    assert RowEncoder(written)([{"code": 1}, {"code": 2.0}, {"code": "2"}, {"code": True}]).tolist() == [
        [1, 0, 0],
        [0, 1, 0],
        *[[0, 0, 1]] * 2,
    ]


def test_a_data_frame_of_pandas_is_taken_by_its_own_word() -> None:
    class Frame:
        def to_dict(self, how: str) -> list[dict[str, Any]]:
            assert how == "records"
            return [{"size": 3.0, "code": "1"}]

    assert RowEncoder(COLUMNS)(Frame()).tolist() == [[2, 0, 1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], r"rows must be a list of one dict or more, a value for each column, or a data frame, got \[\]"),
        ("text", "rows must be a list of one dict"),
        (
            [{"Size": 1, "code": 1}],
            "row 1 must have a value of the column 'size', None where it is missing, got none; did",
        ),
        (
            [{"size": 1, "code": 1}, {"size": "x", "code": 1}],
            "row 2 must have a number in the column 'size', got 'x'",
        ),
        (
            [{"size": float("inf"), "code": 1}],
            "row 1 must have a finite number in the column 'size', got inf",
        ),
    ],
)
def test_what_is_no_row_is_refused(rows: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RowEncoder(COLUMNS)(rows)
