import math

import pytest
import torch
from torch import Tensor

from regbench.regularizers.random_erasing import RandomErasing
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split

VALUES = {"p": 1.0, "min_area": 0.02, "max_area": 0.33, "min_aspect": 0.3, "max_aspect": 3.3, "fill": "mean"}


def make(step: int = 0, **fields: object) -> RandomErasing:
    member = RandomErasing(**(VALUES | fields))
    member.stream = Stream(0, "random_erasing", Clock(step=step))
    return member


def erased(rows: int, height: int, width: int, **fields: object) -> Tensor:
    """Which pixels of images of ones are erased: (B, H, W). Without train rows the mean is 0."""
    batch = Batch(torch.ones(rows, 2, height, width), torch.ones(rows, 1))
    after = make(**fields).transform_batch(batch).inputs
    assert torch.equal(after[:, 0], after[:, 1])
    return after[:, 0] == 0


def boxes(masks: Tensor) -> Tensor:
    """Top, left, height and width of each mask, (B, 4); every mask must be a full rectangle."""
    found = []
    for mask in masks:
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.all()
        found.append([rows[0], columns[0], *box.shape])
    return torch.tensor(found)


def test_erases_one_rectangle_inside_the_image_of_the_area_and_aspect_asked_for():
    box = boxes(erased(500, 60, 90)).double()
    height, width = box[:, 2], box[:, 3]
    # sides are rounded: half a pixel up or down each
    assert ((height - 0.5) * (width - 0.5) <= 0.33 * 60 * 90).all()
    assert ((height + 0.5) * (width + 0.5) >= 0.02 * 60 * 90).all()
    assert ((height - 0.5) / (width + 0.5) <= 3.3).all()
    assert ((height + 0.5) / (width - 0.5) >= 0.3).all()
    assert (height < 60).all()


def test_share_of_pixels_erased_is_the_mean_of_a_uniform_area():
    # at most a quarter of a square, with aspects of 1/2 to 2, always fits: mean (0.05 + 0.25) / 2
    masks = erased(1500, 64, 64, min_area=0.05, max_area=0.25, min_aspect=0.5, max_aspect=2.0)
    # standard deviation of one 0.2 / sqrt(12) = 0.058, of the mean 0.0015
    assert masks.double().mean().item() == pytest.approx(0.15, abs=0.0075)


def test_upright_rectangles_are_as_likely_as_lying_ones():
    box = boxes(erased(1000, 64, 64, min_aspect=0.25, max_aspect=4.0))
    upright, lying = (box[:, 2] > box[:, 3]).sum().item(), (box[:, 2] < box[:, 3]).sum().item()
    assert abs(upright - lying) < 5 * math.sqrt(1000)


def test_aspect_is_uniform_in_its_logarithm():
    box = boxes(erased(600, 120, 120, min_area=0.1, max_area=0.15, min_aspect=0.5, max_aspect=2.0)).double()
    logs = (box[:, 2] / box[:, 3]).log()
    # uniform on +- log 2: variance (2 log 2)^2 / 12
    assert logs.var().item() == pytest.approx((2 * math.log(2)) ** 2 / 12, rel=0.15)


def test_places_are_uniform_over_those_where_it_fits():
    # an area of 1/4 with aspect 1 on 4 x 4 is 2 x 2: nine places; chi-square with 8 degrees exceeds 32 seldom
    box = boxes(erased(1800, 4, 4, min_area=0.25, max_area=0.25, min_aspect=1.0, max_aspect=1.0))
    assert (box[:, 2:] == 2).all()
    counts = torch.bincount(box[:, 0] * 3 + box[:, 1], minlength=9).double()
    assert len(counts) == 9
    assert ((counts - 200) ** 2 / 200).sum() < 32


def test_what_never_fits_leaves_the_image_alone():
    assert not erased(50, 4, 4, min_area=1.0, max_area=1.0).any()
    assert not erased(50, 1, 9).any()


def test_draws_again_where_the_first_does_not_fit():
    # with heights of 0.57 to 1.8 of the image's, about half of the single draws stand over its border
    masks = erased(300, 30, 30, min_area=0.33, max_area=0.33, min_aspect=1.0, max_aspect=10.0)
    assert masks.flatten(1).any(1).all()


def test_share_p_of_the_examples_is_erased():
    # 300 of 1000, give or take 5 deviations
    changed = erased(1000, 8, 8, p=0.3).flatten(1).any(1).sum().item()
    assert abs(changed - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_random_fill_is_uniform_and_of_its_own_in_every_pixel_and_channel():
    batch = Batch(torch.full((200, 3, 16, 16), 2.0), torch.ones(200, 1))
    after = make(fill="random").transform_batch(batch).inputs
    values = after[after != 2]
    assert values.min() >= 0
    assert values.max() < 1
    assert values.mean().item() == pytest.approx(0.5, abs=0.02)
    assert values.var().item() == pytest.approx(1 / 12, rel=0.05)
    assert values.unique().numel() > 0.99 * values.numel()


def test_fills_with_the_mean_of_each_channel_of_the_train_rows():
    pixels = torch.stack([torch.full((8, 8), 51), torch.full((8, 8), 255)]).to(torch.uint8)
    member = make()
    member.prepare_data(Split(torch.stack([pixels, torch.zeros_like(pixels)]), torch.tensor([0, 1]), 2))
    after = member.transform_batch(Batch(torch.ones(1, 2, 8, 8), torch.ones(1, 1))).inputs
    torch.testing.assert_close(after[0].amin((1, 2)), torch.tensor([0.1, 0.5]))


@pytest.mark.parametrize("fill", ["random", "mean"])
def test_targets_and_the_given_images_stay_as_they_are(fill: str):
    batch = Batch(torch.ones(4, 1, 6, 6), torch.eye(4))
    assert make(fill=fill).transform_batch(batch).targets is batch.targets
    assert batch.inputs.min() == 1


def test_same_step_erases_the_same_pixels_and_another_step_others():
    batch = Batch(torch.ones(16, 1, 8, 8), torch.eye(16))
    first = make(3, fill="random").transform_batch(batch).inputs
    assert torch.equal(make(3, fill="random").transform_batch(batch).inputs, first)
    assert not torch.equal(make(4, fill="random").transform_batch(batch).inputs, first)


@pytest.mark.parametrize("fill", ["random", "mean"])
def test_keeps_the_type_of_the_images(fill: str):
    batch = Batch(torch.ones(2, 1, 8, 8, dtype=torch.bfloat16), torch.eye(2))
    assert make(fill=fill).transform_batch(batch).inputs.dtype == torch.bfloat16


def test_p_zero_returns_the_batch_itself():
    batch = Batch(torch.zeros(2, 7), torch.eye(2))
    assert make(p=0.0).transform_batch(batch) is batch


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"p": 1.5}, r"p must lie in \[0, 1\], got 1.5"),
        ({"min_area": 0.0}, "min_area must be above 0, got 0.0"),
        ({"max_area": 0.01}, "min_area must be at most max_area, got 0.02 and 0.01"),
        ({"max_area": 1.1}, "max_area must be at most 1, got 1.1"),
        ({"min_aspect": -1.0}, "min_aspect must be above 0, got -1.0"),
        ({"max_aspect": 0.2}, "min_aspect must be at most max_aspect, got 0.3 and 0.2"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, float], message: str):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(**fields)


def test_refuses_what_is_no_image():
    split = Split(torch.zeros(2, 7), torch.tensor([0, 1]), 2)
    with pytest.raises(ValueError, match=r"^inputs must be images of shape \(B, C, H, W\), got \(2, 7\)$"):
        make().check_data(split)
