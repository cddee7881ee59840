"""A number of each run: Python's arithmetic, and a scalar beside tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.training.replicas.numbers import Lane, Number, Unlike

VALUES = [0.1, 0.25, 3.0]


@pytest.fixture
def lane() -> Lane:
    return Lane(torch.device("cpu"))


def of_each(lane: Lane, function: Callable[[], Tensor]) -> Tensor:
    def one(index: Tensor) -> Tensor:
        lane.index = index
        return function()

    return torch.func.vmap(one)(torch.arange(len(VALUES)))


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "pow", "mod", "floordiv"])
def test_arithmetic_is_that_of_plain_numbers(lane: Lane, name: str) -> None:
    act: Callable[[Any, Any], Any] = getattr(operator, name)
    number = Number(VALUES, lane, "p")
    assert act(number, 2).values.tolist() == [act(value, 2) for value in VALUES]
    assert act(2.5, number).values.tolist() == [act(2.5, value) for value in VALUES]
    assert act(number, number).values.tolist() == [act(value, value) for value in VALUES]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    "act",
    [
        lambda rows, p: rows * p,
        lambda rows, p: (1 - p) * rows.sum(),
        lambda rows, p: (rows * p).div_(1 - p * 0.1),
        lambda rows, p: torch.where(rows > p, rows, p),
        lambda rows, p: p - rows.mean(),
    ],
)
def test_beside_tensors_it_is_a_plain_number(
    lane: Lane, dtype: torch.dtype, act: Callable[[Tensor, Any], Tensor]
) -> None:
    rows = torch.linspace(-1, 1, 7, dtype=dtype)
    number = Number(VALUES, lane, "p")
    expected = torch.stack([act(rows, value) for value in VALUES])
    found = of_each(lane, lambda: act(rows, number))
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected)


def test_comparisons_are_answered_where_all_agree(lane: Lane) -> None:
    number = Number(VALUES, lane, "reg.dropout.p")
    assert number > 0
    assert number != 0
    assert (number == 0.5) is False
    assert bool(number)
    with pytest.raises(Unlike, match=r"reg\.dropout\.p decides which way"):
        bool(number > 0.2)
    with pytest.raises(Unlike):
        float(number)


def test_whole_numbers_count_where_they_agree(lane: Lane) -> None:
    assert list(range(Number([3, 3], lane, "k"))) == [0, 1, 2]
    with pytest.raises(Unlike):
        range(Number([3, 4], lane, "k"))


def test_outside_of_a_step_it_is_no_scalar(lane: Lane) -> None:
    with pytest.raises(Unlike):
        torch.ones(2) * Number(VALUES, lane, "p")
