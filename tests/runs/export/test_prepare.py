"""What an exported model's folder makes of a person's rows is what regbench makes of them."""

from __future__ import annotations

import ast
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regbench.data.checks.suspicions import NO_VALUE
from regbench.data.table_files.inputs import CategoryInputs, NumberInputs, plain
from regbench.data.table_files.normal_scores import quantiles_of
from regbench.data.table_files.taking import RowEncoder
from regbench.data.text_files.tokens import CUTS, Tokenizer
from regbench.runs.export import prepare

SENTENCES = ["The proud otter, again!", "", "Don\u2019t   stop: it isn't", "\N{SNOWMAN} \u00c9T\u00c9 a\tb"]


def test_it_imports_nothing_but_python_and_numpy() -> None:
    tree = ast.parse(Path(prepare.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names == {"numpy"}


@pytest.mark.parametrize("cut", sorted(CUTS))
def test_sentences_become_the_same_token_ids(cut: str) -> None:
    words = tuple(dict.fromkeys(token for text in SENTENCES[:3] for token in CUTS[cut](text)))[:-2]
    kept: dict[str, Any] = {"cut": cut, "words": words, "length": 6}
    about = {"kind": "tokens", "tokens": kept}
    assert prepare.inputs(SENTENCES, about).tolist() == Tokenizer(**kept)(SENTENCES).tolist()
    assert sorted(prepare.CUTS) == sorted(CUTS)


def test_token_ids_stay_as_they_are() -> None:
    ids = np.array([[2, 3, 0]])
    assert prepare.inputs(ids, {"kind": "tokens", "tokens": None}).tolist() == [[2, 3, 0]]
    with pytest.raises(ValueError, match="has kept no words"):
        prepare.inputs(["a"], {"kind": "tokens", "tokens": None})


def test_rows_of_a_table_become_the_same_numbers() -> None:
    drawn = np.random.default_rng(0).gamma(2, size=50)
    columns = [
        NumberInputs("a", 2.0, 4.0, (), True),
        NumberInputs("b", drawn.mean(), drawn.std(), quantiles_of(drawn), False),
        NumberInputs("same", 3.0, 0.0, (), True),
        NumberInputs("nothing", 3.0, 0.0, (), False),
        CategoryInputs("c", ("x", "1", "true"), True, True),
        CategoryInputs("d", ("x", "y"), False, True),
        CategoryInputs("e", ("x", "y"), False, False),
    ]
    values: list[dict[str, Any]] = [
        {"a": 6, "b": 0.5, "c": "x", "d": "y", "e": "y"},
        {"a": None, "b": None, "c": None, "d": None, "e": None},
        {"a": "na", "b": 1e9, "c": 1.0, "d": "z", "e": "z"},
        {"a": math.nan, "b": -1e9, "c": True, "d": " x ", "e": ""},
        {"a": "-2.5", "b": float(drawn[3]), "c": "rare", "d": math.nan, "e": "x"},
    ]
    given = [{**row, "same": row["a"], "nothing": 1.0, "unknown": 7} for row in values]
    due = RowEncoder(plain(columns))(given)
    made = prepare.inputs(given, {"kind": "columns", "columns": plain(columns)})
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, due.numpy(), rtol=1e-5, atol=1e-6)
    assert made[0, :2].tolist() == [1.0, 0.0]
    assert made[1, :2].tolist() == [0.0, 1.0]


def test_numbers_stay_as_they_are() -> None:
    for kind in ("columns", "numbers"):
        assert prepare.inputs(np.array([[1.5, 2]]), {"kind": kind, "columns": []}).tolist() == [[1.5, 2]]


def test_stored_pixels_are_divided_and_others_are_not() -> None:
    about = {"kind": "images", "scale": 16.0}
    assert prepare.inputs(np.full((1, 1, 1, 2), 4, dtype=np.uint8), about).tolist() == [[[[0.25, 0.25]]]]
    assert prepare.inputs(np.full((1, 1, 1, 2), 0.5), about).tolist() == [[[[0.5, 0.5]]]]
    with pytest.raises(ValueError, match=r"^images must be floats in \[0, 1\]"):
        prepare.inputs(np.ones((1, 1, 1, 1), dtype=np.uint8), {"kind": "images", "scale": None})


def test_what_counts_as_no_value_is_the_same() -> None:
    assert set(prepare.NO_VALUE) == set(NO_VALUE)
