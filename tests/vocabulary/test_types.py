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
