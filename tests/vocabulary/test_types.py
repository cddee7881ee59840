"""What inputs are, by the shapes and numbers that a split and a batch hold."""

from __future__ import annotations

import pytest
import torch

from regbench.types import Batch, Split

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
