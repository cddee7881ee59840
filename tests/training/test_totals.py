"""Sums over an epoch, and what is finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from regbench.training.totals import BLOCK, Totals, all_finite
from tests.reads import Reads


def one_by_one(terms: list[Tensor], rows: list[int]) -> float:
    """Added as they come, each rounded to the terms' own precision."""
    total = torch.zeros((), dtype=terms[0].dtype)
    for term, count in zip(terms, rows, strict=True):
        total = total + term * count
    return total.item()


@pytest.mark.parametrize("steps", [1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sum_has_the_bits_of_one_addition_after_the_other(steps: int, dtype: torch.dtype) -> None:
    terms = list(torch.randn(steps, dtype=dtype, generator=torch.Generator().manual_seed(0)))
    rows = [100 + index % 3 for index in range(steps)]
    totals = Totals()
    for term, count in zip(terms, rows, strict=True):
        totals.add({"data": term}, count)
    assert totals.sums() == {"data": one_by_one(terms, rows)}


def test_sums_may_be_asked_for_on_the_way() -> None:
    totals = Totals()
    found = []
    for step in range(2 * BLOCK):
        totals.add({"data": torch.tensor(1.0)}, 3)
        if step % 10 == 0:
            found.append(totals.sums()["data"])
    assert found == [3.0 * (step + 1) for step in range(0, 2 * BLOCK, 10)]
    assert totals.sums() == {"data": 6.0 * BLOCK}


def test_a_term_counts_the_rows_of_the_steps_that_had_it() -> None:
    totals = Totals()
    totals.add({"data": torch.tensor(2.0)}, 10)
    totals.add({"data": torch.tensor(3.0), "late": torch.tensor([5.0])}, 4)
    assert totals.sums() == {"data": 32.0, "late": 20.0}


def test_short_formats_are_added_in_single_precision() -> None:
    totals = Totals()
    for _ in range(300):
        totals.add({"data": torch.tensor(1.0, dtype=torch.bfloat16)}, 1)
    assert totals.sums() == {"data": 300.0}  # in bfloat16 the sum would stay at 256


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 3e38])
def test_what_is_not_finite_stays_so(value: float) -> None:
    totals = Totals()
    for term in (1.0, value, value, 1.0):
        totals.add({"data": torch.tensor(term)}, 1)
    assert not math.isfinite(totals.sums()["data"])


def test_nothing_that_is_added_is_read_before_it_is_asked_for() -> None:
    totals, reads = Totals(), Reads()
    with reads:
        for _ in range(3 * BLOCK):
            totals.add({"data": torch.tensor(1.0)}, 1)
    assert reads.count == 0


# --- weights


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_one_entry_that_is_not_finite_is_found(dtype: torch.dtype, value: float) -> None:
    sound = [torch.ones(3), torch.zeros(2, 2, dtype=dtype), torch.tensor(1.0)]
    assert all_finite(sound)
    sound[1][1, 0] = value
    assert not all_finite(sound)


def test_the_largest_numbers_are_finite_and_so_is_what_holds_none() -> None:
    largest = torch.full((1000,), torch.finfo(torch.float32).max)
    whole = torch.tensor([1, 2])
    double = torch.finfo(torch.float64).max * torch.ones(2, dtype=torch.float64)
    assert all_finite([largest, -largest, torch.empty(0), whole, double])
    assert all_finite([])
