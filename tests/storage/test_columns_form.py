"""What a checkpoint says of the columns of a table."""

from __future__ import annotations

from typing import Any

import pytest

from regbench.storage.columns_form import KINDS, check_columns

NUMBERS = {"kind": "numbers", "name": "a", "mean": 0.0, "std": 1.0, "quantiles": (0.5,), "indicator": True}
WORDS = {"kind": "categories", "name": "b", "categories": ("x", "y"), "missing": False, "others": True}


def test_columns_make_the_inputs_of_the_model() -> None:
    check_columns([NUMBERS, WORDS], [5])
    check_columns([NUMBERS | {"std": 0.0}], [1])
    for width in (4, 6):
        with pytest.raises(ValueError, match="columns must make as many inputs as in_shape has"):
            check_columns([NUMBERS, WORDS], [width])


@pytest.mark.parametrize(
    "columns",
    [
        {},
        [1],
        [{}],
        [{"kind": "other"}],
        [{"kind": []}],
        [NUMBERS | {"more": 1}],
        [{name: value for name, value in NUMBERS.items() if name != "mean"}],
        [NUMBERS | {"mean": float("nan")}],
        [NUMBERS | {"std": -1.0}],
        [NUMBERS | {"std": float("inf")}],
        [NUMBERS | {"quantiles": ["x"]}],
        [NUMBERS | {"indicator": 1}],
        [WORDS | {"categories": "xy"}],
        [WORDS | {"categories": [1]}],
        [WORDS | {"name": None}],
    ],
)
def test_what_says_something_else_is_refused(columns: Any) -> None:
    with pytest.raises(ValueError, match="columns must say of each column how it becomes inputs"):
        check_columns(columns, [2])


def test_fields_are_those_of_the_classes() -> None:
    from dataclasses import fields

    from regbench.data.table_files import inputs

    assert KINDS.keys() == inputs.KINDS.keys()
    for kind, cls in inputs.KINDS.items():
        assert KINDS[kind].keys() == {field.name for field in fields(cls)}
