"""Which rows are measured after an epoch."""

from __future__ import annotations

import pytest
import torch

from regbench.assembly.few_rows import ENOUGH, few_rows
from regbench.types import Dataset, Split


def data(train: int, held_out: int, labels: torch.Tensor | None = None) -> Dataset:
    def split(rows: int) -> Split:
        told = torch.arange(rows) * 4 // rows if labels is None else labels[:rows]  # sorted by class
        return Split(torch.zeros(rows, 3), told, 4)

    return Dataset(split(train), split(held_out), split(held_out), None, (3,), 4)


def counts(asked: int | str | None, made: Dataset) -> dict[str, int]:
    return {name: len(rows) for name, rows in few_rows(asked, made).items()}


def test_all_rows_are_none_that_are_picked() -> None:
    assert counts(None, data(100, 5000)) == {}


def test_a_number_caps_each_split_that_has_more() -> None:
    assert counts(300, data(2000, 5000)) == {"train": 300, "select": 300, "val": 300}
    assert counts(300, data(200, 5000)) == {"select": 300, "val": 300}
    assert counts(5000, data(2000, 5000)) == {}


def test_auto_leaves_what_chooses_whole_and_large_trains_as_they_are() -> None:
    assert counts("auto", data(3000, 5000)) == {"train": 1500, "val": 1500}
    assert counts("auto", data(500, 5000)) == {"val": ENOUGH}
    assert counts("auto", data(10_000, 5000)) == {}
    assert counts("auto", data(970, 239)) == {}


@pytest.mark.parametrize("count", [40, 101, 999])
def test_they_hold_the_classes_in_proportion_whatever_the_order_of_the_rows(count: int) -> None:
    made = data(2000, 5000)
    for name, rows in few_rows(count, made).items():
        split = made.measured if name == "train" else getattr(made, name)
        assert rows.tolist() == sorted(set(rows.tolist()))
        found = split.labels[rows].bincount(minlength=4)
        assert (found - count / 4).abs().max() <= 1


def test_they_are_the_same_each_time_and_among_more_of_them() -> None:
    made = data(2000, 5000)
    torch.manual_seed(1)
    few = few_rows(100, made)
    torch.manual_seed(2)
    again, more = few_rows(100, made), few_rows(200, made)
    for name, rows in few.items():
        assert torch.equal(rows, again[name])
        assert set(rows.tolist()) < set(more[name].tolist())


def test_of_numbers_to_predict_they_hold_the_tenths() -> None:
    labels = torch.linspace(-1, 1, 1000)[:, None]
    found = few_rows(100, data(1000, 1000, labels))["val"]
    assert labels[found, 0].mean().abs() < 0.05
    assert len(found) == 100
