"""Hide-and-seek: whole patches of the grid, by counting."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from regbench.regularizers.hide_and_seek import HideAndSeek
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(p: float = 0.5, sizes: list[int] | None = None, step: int = 0) -> HideAndSeek:
    member = HideAndSeek(p=p, sizes=sizes)
    member.stream = Stream(0, "hide_and_seek", Clock(step=step))
    return member


def hidden(rows: int, height: int, width: int, p: float = 0.5, sizes: list[int] | None = None) -> Tensor:
    """Which pixels of images of ones are hidden: (B, H, W). Without train rows the fill is 0."""
    images = torch.ones(rows, 2, height, width)
    after = make(p, sizes).transform_batch(Batch(images, torch.ones(rows, 1))).inputs
    assert torch.equal(after[:, 0], after[:, 1])
    return after[:, 0] == 0


def of_the_grid(mask: Tensor, side: int) -> bool:
    """Whether every patch of a grid is hidden wholly or not at all, written with loops."""
    height, width = mask.shape
    corners = [(row, column) for row in range(0, height, side) for column in range(0, width, side)]
    return all(mask[r : r + side, c : c + side].unique().numel() == 1 for r, c in corners)


def test_every_set_of_whole_patches_is_hidden_and_nothing_else():
    # 5 x 7 pixels in patches of 3: 2 x 3 of them, the last row 2 pixels high, the last column 1 wide
    masks = hidden(2000, 5, 7, sizes=[3])
    assert all(of_the_grid(mask, 3) for mask in masks)
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == 2**6


def test_patches_are_hidden_with_probability_p_each_by_itself():
    corners = hidden(1000, 8, 8, p=0.3, sizes=[2])[:, ::2, ::2].double()
    deviation = (0.3 * 0.7 / 16_000) ** 0.5
    assert corners.mean().item() == pytest.approx(0.3, abs=5 * deviation)
    for axis in (0, 1, 2):  # neighbours, of images and of patches, are hidden together p^2 of the time
        assert (corners * corners.roll(1, axis)).mean().item() == pytest.approx(0.09, abs=0.015)


def test_sizes_are_equally_likely_and_zero_hides_nothing():
    # of 3 sizes a third hides nothing; of patches of 1 pixel some mask is no mask of patches of 4 pixels
    masks = hidden(3000, 8, 8, sizes=[0, 1, 4])
    whole = sum(of_the_grid(mask, 4) for mask in masks)
    none = 3000 - masks.flatten(1).any(1).sum().item()
    # none: a third, and of the four large patches of another third all are shown 1 time in 16
    assert none == pytest.approx(3000 * (1 / 3 + 1 / 48), abs=5 * (3000 * 0.354 * 0.646) ** 0.5)
    assert whole == pytest.approx(2000, abs=5 * (3000 * 2 / 9) ** 0.5)


@pytest.mark.parametrize(("side", "sizes"), [(224, [0, 16, 32, 44, 56]), (32, [0, 2, 5, 6, 8])])
def test_sizes_are_those_of_the_authors_at_this_scale_unless_given(side: int, sizes: list[int]):
    # 16/224 of 32 is 2.29, 32/224 4.57, 44/224 6.29, 56/224 8
    images = Split(torch.zeros(1, 1, side, side, dtype=torch.uint8), torch.tensor([0]), 2)
    assert make()._sides(images) == sizes


def test_fills_with_the_mean_of_each_channel_of_the_train_rows():
    pixels = torch.stack([torch.full((4, 4), 51), torch.full((4, 4), 255)]).to(torch.uint8)
    dark = torch.zeros_like(pixels)
    member = make(0.9, [2])
    member.prepare_data(Split(torch.stack([pixels, dark, dark, dark]), torch.tensor([0, 1, 0, 1]), 2))
    after = member.transform_batch(Batch(torch.ones(9, 2, 4, 4), torch.ones(9, 1))).inputs
    torch.testing.assert_close(after.amin((0, 2, 3)), torch.tensor([0.2 / 4, 1.0 / 4]))


def test_targets_and_the_given_images_stay_as_they_are():
    batch = Batch(torch.ones(4, 1, 6, 6), torch.eye(4))
    assert make().transform_batch(batch).targets is batch.targets
    assert batch.inputs.min() == 1


def test_same_step_hides_the_same_and_another_step_other_patches():
    batch = Batch(torch.ones(16, 1, 8, 8), torch.eye(16))
    first = make(step=3).transform_batch(batch).inputs
    assert torch.equal(make(step=3).transform_batch(batch).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(batch).inputs, first)


def test_keeps_the_type_of_the_images():
    batch = Batch(torch.ones(2, 1, 4, 4, dtype=torch.bfloat16), torch.eye(2))
    assert make().transform_batch(batch).inputs.dtype == torch.bfloat16


def test_off_returns_the_batch_itself():
    batch = Batch(torch.zeros(2, 7), torch.eye(2))
    assert make(0.0).transform_batch(batch) is batch


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_refuses_a_probability_out_of_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        make(p)


@pytest.mark.parametrize("sizes", [[], [0], [-1, 4]])
def test_refuses_sizes_that_are_none(sizes: list[int]):
    with pytest.raises(
        ValueError, match=r"^sizes must list pixels, at least 0 and one of them above it, got"
    ):
        make(sizes=sizes)


def test_refuses_what_is_no_image_or_smaller_than_a_patch():
    with pytest.raises(ValueError, match=r"^inputs must be images"):
        make().check_data(Split(torch.zeros(2, 7), torch.tensor([0, 1]), 2))
    small = Split(torch.zeros(2, 1, 4, 9), torch.tensor([0, 1]), 2)
    with pytest.raises(ValueError, match=r"^sizes must be at most 4 for images of 4 px, got \[2, 5\]$"):
        make(sizes=[2, 5]).check_data(small)
