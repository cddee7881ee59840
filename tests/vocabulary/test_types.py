"""What inputs are, by the shapes and numbers that a split and a batch hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from regbench.types import Batch, Dataset, Split

SHAPES = {  # of the inputs: are they images?
    (2, 5): False,
    (2, 7, 5): False,  # a sequence of vectors
    (2, 3, 4, 4): True,
    (2, 3, 3, 4, 4): False,  # a film
}
KINDS = {  # can two rows be mixed, of a split and of a batch? A split's 8 bits become fractions
    torch.float32: (True, True),
    torch.uint8: (True, False),
    torch.int64: (False, False),  # token ids
    torch.bool: (False, False),
}


@pytest.mark.parametrize(("shape", "images"), SHAPES.items())
def test_images_have_channels_rows_and_columns(shape: tuple[int, ...], images: bool) -> None:
    inputs = torch.zeros(shape)
    assert Split(inputs, torch.zeros(2, dtype=torch.int64), 3).is_images is images
    assert Batch(inputs, torch.zeros(2, 3)).is_images is images


@pytest.mark.parametrize(("kind", "mixable"), KINDS.items())
def test_what_lies_between_two_rows_is_a_row_where_they_are_numbers(
    kind: torch.dtype, mixable: tuple[bool, bool]
) -> None:
    inputs = torch.zeros(2, 5).to(kind)
    split, batch = Split(inputs, torch.zeros(2, dtype=torch.int64), 3), Batch(inputs, torch.zeros(2, 3))
    assert (split.mixable, batch.mixable) == mixable


@pytest.mark.parametrize(
    "rows", [slice(1, 4), torch.tensor([4, 0, 0]), torch.tensor([True, False, True, False, True])]
)
def test_rows_are_taken_by_a_slice_by_their_numbers_or_by_a_mask(rows: torch.Tensor | slice) -> None:
    inputs, labels = torch.randint(256, (5, 1, 2, 2)).to(torch.uint8), torch.tensor([0, 1, 2, 1, 0])
    batch = Split(inputs, labels, 3)[rows]
    assert torch.equal(batch.inputs, inputs[rows].float() / 255)
    assert torch.equal(batch.targets, torch.eye(3)[labels[rows]])
    again = batch[torch.tensor([1, 0])]
    assert torch.equal(again.targets, batch.targets[[1, 0]])


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        (slice(1, 4), [1, 2, 3]),
        (slice(None), [0, 1, 2, 3, 4]),
        (slice(-2, None), [3, 4]),
        (torch.tensor([4, 0, 0]), [4, 0, 0]),
        (torch.tensor([3, 1], dtype=torch.int32), [3, 1]),
        (torch.tensor([True, False, True, False, True]), [0, 2, 4]),
    ],
    ids=str,
)
def test_a_batch_says_which_rows_of_its_split_it_has(rows: torch.Tensor | slice, numbers: list[int]) -> None:
    split = Split(torch.zeros(5, 2), torch.tensor([0, 1, 2, 1, 0]), 3)
    batch = split[rows]
    assert batch.rows is not None
    assert batch.rows.dtype == torch.int64
    assert batch.rows.tolist() == numbers
    assert batch[torch.tensor([1, 0])].rows.tolist() == [numbers[1], numbers[0]]
    assert batch[1:].rows.tolist() == numbers[1:]


def test_rows_are_those_that_were_given_and_none_is_copied() -> None:
    numbers = torch.tensor([2, 0])
    assert Split(torch.zeros(3, 2), torch.tensor([0, 1, 2]), 3)[numbers].rows is numbers


def test_what_is_made_of_several_rows_or_of_none_has_no_number() -> None:
    batch = Batch(torch.zeros(3, 1), torch.zeros(3, 2), torch.tensor([5, 6, 7]))
    assert batch.rows_but().tolist() == [-1, -1, -1]
    assert batch.rows_but(torch.tensor([True, False, True])).tolist() == [-1, 6, -1]
    assert batch.rows_but(torch.tensor([True])).tolist() == [-1, -1, -1]  # one for all
    assert batch.rows_but(torch.tensor([2])).tolist() == [5, 6, -1]
    assert batch.rows.tolist() == [5, 6, 7]
    unknown = Batch(torch.zeros(3, 1), torch.zeros(3, 2))
    assert unknown.rows is None
    assert unknown.rows_but() is None
    assert unknown.rows_but(torch.tensor([0])) is None
    assert unknown[:2].rows is None


def test_targets_are_a_batch_s_own_and_of_the_default_precision() -> None:
    split = Split(torch.zeros(2, 1), torch.tensor([0, 1]), 2)
    split[:].targets.fill_(7)
    assert torch.equal(split[:].targets, torch.eye(2))
    with torch.inference_mode():
        split[:]
    weight = torch.ones(2, requires_grad=True)
    (split[:].targets @ weight).sum().backward()
    assert torch.equal(weight.grad, torch.ones(2))
    torch.set_default_dtype(torch.float64)
    try:
        assert split[:].targets.dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


GPU = torch.device("cuda", 0)


@pytest.mark.parametrize("rows", [slice(2, 5), torch.tensor([4, 0, 4])])
def test_a_batch_is_where_the_labels_are_wherever_the_inputs_lie(rows: slice | torch.Tensor) -> None:
    """On a device that is not there: torch's fake tensors have one, and no values."""
    split = Split(torch.zeros(6, 3, dtype=torch.uint8), torch.arange(6) % 2, 2)
    with FakeTensorMode(allow_non_fake_inputs=True):
        apart = split.to(GPU, inputs=False)
        assert apart.inputs is split.inputs
        assert apart.device == GPU
        there = rows if isinstance(rows, slice) else rows.to(GPU)
        batch, some = apart[there], apart.subset(there)
        assert (batch.inputs.device, batch.targets.device) == (GPU, GPU)
        assert batch.inputs.shape == split[rows].inputs.shape
        assert (some.inputs.device.type, some.labels.device) == ("cpu", GPU)
        assert split.to(GPU).inputs.device == GPU


@pytest.mark.parametrize(("free", "there"), [(35, False), (36, True)])
def test_inputs_of_more_than_half_of_what_is_free_on_a_gpu_stay_where_they_are(
    monkeypatch: pytest.MonkeyPatch, free: int, there: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 100))
    split = Split(torch.zeros(2, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), 2)
    with FakeTensorMode(allow_non_fake_inputs=True):
        data = Dataset(split, split, split, lambda: split, (3,), 2).to(GPU)
        assert {s.inputs.device.type for s in (data.train, data.select, data.val)} == {
            "cuda" if there else "cpu"
        }
        assert data.val.labels.device == GPU
        assert data.read_test is not None
        assert data.read_test().inputs.device == GPU, "it is smaller"


def test_a_part_of_a_file_is_of_that_file_and_rows_by_number_are_copies() -> None:
    split = Split(torch.zeros(6, 3), torch.arange(6) % 2, 2, file=Path("rows.npy"))
    assert split.subset(slice(1, 3)).file == Path("rows.npy")
    assert split.subset(torch.tensor([1, 2])).file is None
    assert split.to(torch.device("cpu")).file == Path("rows.npy")


def test_what_rows_are_told_comes_without_their_inputs() -> None:
    split = Split(torch.zeros(6, 3), torch.arange(6), 6, true_labels=torch.arange(6) + 10)
    told = split.told(torch.tensor([5, 1]))
    assert (len(told), len(told.inputs), told.labels.tolist()) == (2, 0, [5, 1])
    assert told.true_labels is not None
    assert told.true_labels.tolist() == [15, 11]
