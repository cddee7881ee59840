"""What train rows decide of a table's inputs, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.data.table_files.columns import UNKNOWN, Column
from regbench.data.table_files.encoding import TableEncoding, encoding_of
from regbench.data.table_files.inputs import from_plain, plain

NAN = math.nan
NUMBER, KIND = Column("n", None), Column("k", ("p", "q", "r", "s"))


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def learned(*columns: Column, train: Tensor, numbers: str = "standardize", rare: int = 1) -> TableEncoding:
    return encoding_of(train, columns, numbers, rare)  # type: ignore[arg-type]


def test_numbers_lose_their_mean_and_are_divided_by_their_deviation() -> None:
    encode = learned(NUMBER, train=rows([1.0], [3.0], [5.0], [7.0]))  # mean 4, variance (9+1+1+9)/4 = 5
    assert encode(rows([4.0], [9.0])).flatten().tolist() == pytest.approx([0, 5 / math.sqrt(5)])
    assert encode.in_shape == (1,)


def test_missing_numbers_are_the_mean_with_an_indicator_where_train_has_them() -> None:
    encode = learned(NUMBER, train=rows([1.0], [NAN], [3.0]))  # mean 2, deviation 1
    assert encode(rows([3.0], [NAN])).tolist() == [[1, 0], [0, 1]]
    assert (encode.in_shape, encode.columns) == ((2,), (0, 0))
    later = learned(NUMBER, train=rows([1.0], [3.0]))
    assert later(rows([NAN])).tolist() == [[0]]
    assert "1 value missing in val where train misses none, taken for the mean" in later.note(
        rows([1.0], [3.0]), rows([NAN])
    )


def test_a_constant_number_with_gaps_leaves_its_indicator() -> None:
    encode = learned(NUMBER, KIND, train=rows([5.0, 0], [NAN, 1]))
    assert encode(rows([5.0, 0], [NAN, 1])).tolist() == [[0, 1, 0], [1, 0, 1]]


def test_each_category_of_train_is_an_input() -> None:
    encode = learned(KIND, train=rows([3.0], [1.0], [1.0]))  # s, q, q
    assert encode(rows([1.0], [3.0])).tolist() == [[1, 0], [0, 1]]
    assert encode(rows([0.0], [NAN], [UNKNOWN])).tolist() == [[0, 0]] * 3  # what train never has is nothing


def test_rare_and_unknown_categories_are_one_input() -> None:
    train = rows([0.0], [0.0], [1.0], [1.0], [2.0], [NAN])
    encode = learned(KIND, train=train, rare=2)
    assert encode.kept[0]["categories"] == ("p", "q")
    assert encode(rows([0.0], [1.0], [2.0], [3.0], [UNKNOWN], [NAN])).tolist() == [
        [1, 0, 0],
        [0, 1, 0],
        *[[0, 0, 1]] * 4,
    ]


def test_no_value_is_a_category_where_train_has_it_often() -> None:
    encode = learned(KIND, train=rows([0.0], [0.0], [NAN], [NAN]), rare=2)
    assert encode(rows([NAN], [0.0], [1.0])).tolist() == [[0, 1], [1, 0], [0, 0]]


def test_constant_columns_are_left_out_and_counted() -> None:
    train = rows([1.0, 0, 5], [2, 0, 5], [3, 0, 5])
    encode = learned(NUMBER, KIND, Column("c", None), train=train)
    assert encode(train).shape == (3, 1)
    assert encode.constant == ["k", "c"]
    assert "left out, as train has one value: 2 columns ('k', 'c')" in encode.note(train, train)


def test_columns_that_are_all_constant_are_refused() -> None:
    with pytest.raises(
        ValueError, match="columns must differ between rows, got one value in all 2 train rows"
    ):
        learned(NUMBER, KIND, train=rows([1.0, 0], [1.0, 1]), rare=2)


def test_nothing_of_later_rows_is_learned() -> None:
    train, later = rows([1.0, 0], [3.0, 1]), rows([1e6, 3])
    one, other = (learned(NUMBER, KIND, train=train) for _ in range(2))
    other.note(train, later)
    other(later)
    assert one.kept == other.kept


def test_rows_are_left_as_they_are() -> None:
    given = rows([1.0, 3], [3.0, 2])
    before = given.clone()
    learned(NUMBER, KIND, train=given)(given)
    assert torch.equal(given, before)


def test_normal_scores_of_a_middle_value_are_zero() -> None:
    encode = learned(NUMBER, train=rows(*([float(i**3)] for i in range(5))), numbers="quantile")
    found = encode(rows([8.0], [-1.0], [100.0], [4.5])).flatten()
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[1:3].tolist() == pytest.approx([-5.199, 5.199], abs=1e-3)  # Phi^-1(1e-7)
    assert found[3] == pytest.approx(-0.31864, abs=1e-4)  # half-way between the quantiles 1/4 and 2/4: 3/8


def test_what_is_kept_makes_the_same_inputs() -> None:
    for numbers in ("standardize", "quantile"):
        encode = learned(NUMBER, KIND, train=rows([1.0, 0], [NAN, 1], [4.0, 1]), numbers=numbers)
        assert from_plain(encode.kept) == list(encode.learned)
        assert plain(from_plain(encode.kept)) == encode.kept


def test_inputs_of_no_rows_have_their_width() -> None:
    encode = learned(KIND, train=rows([0.0], [1.0]))
    assert encode(torch.empty(0, 1, dtype=torch.float64)).shape == (0, 2)
    assert encode(rows([0.0])).numpy().dtype == np.float32
