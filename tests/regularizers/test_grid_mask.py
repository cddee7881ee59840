"""GridMask: the squares of its grid, by loops and by counting."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.regularizers.grid_mask import GridMask
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split

STRAIGHT = {"p": 1.0, "ratio": 0.5, "min_size": 0.5, "max_size": 0.5, "degrees": 0.0, "ramp": 0.0}


def make(step: int = 0, **fields: Any) -> GridMask:
    member = GridMask(**(STRAIGHT | fields))
    member.stream = Stream(0, "grid_mask", Clock(step=step))
    return member


def hidden(rows: int, height: int, width: int, member: GridMask | None = None, **fields: Any) -> Tensor:
    """Which pixels of images of ones are hidden: (B, H, W). Without train rows the fill is 0."""
    images = torch.ones(rows, 2, height, width)
    after = (member or make(**fields)).transform_batch(Batch(images, torch.ones(rows, 1))).inputs
    assert torch.equal(after[:, 0], after[:, 1])
    return after[:, 0] == 0


def grids(height: int, width: int, unit: int, shown: int) -> set[tuple[bool, ...]]:
    """Every mask that the definition allows where nothing is turned, written with loops."""
    return {
        tuple(
            (r + down) % unit >= shown and (c + right) % unit >= shown
            for r in range(height)
            for c in range(width)
        )
        for down in range(unit)
        for right in range(unit)
    }


@pytest.mark.parametrize(
    ("ratio", "size", "unit", "shown"),
    [(0.5, 0.5, 4, 2), (0.6, 0.625, 5, 3), (0.1, 0.5, 4, 1), (0.9, 0.5, 4, 3)],  # 1 at least of both
)
def test_hides_the_squares_of_a_grid_at_every_place_and_nothing_else(
    ratio: float, size: float, unit: int, shown: int
) -> None:
    seen = {tuple(m.flatten().tolist()) for m in hidden(600, 8, 9, ratio=ratio, min_size=size, max_size=size)}
    assert seen == grids(8, 9, unit, shown)


def test_keeps_the_share_of_the_paper() -> None:
    # r = 0.6 keeps 1 - 0.4^2 = 0.84 of each unit, whatever the angle
    for degrees in (0.0, 360.0):
        masks = hidden(2000, 40, 40, ratio=0.6, min_size=0.5, max_size=0.5, degrees=degrees)
        assert 1 - masks.double().mean().item() == pytest.approx(0.84, abs=0.004)


def test_sides_of_units_are_drawn_uniformly_with_both_ends() -> None:
    units = make(min_size=0.3, max_size=0.6)._units(torch.arange(0, 1, 1 / 400), 10)
    assert units.unique(return_counts=True)[1].tolist() == [100] * 4
    assert units.unique().tolist() == [3, 4, 5, 6]
    assert make(min_size=0.01, max_size=0.1)._units(torch.rand(9), 8).tolist() == [2] * 9


def test_a_grid_is_turned_about_the_middle() -> None:
    """A quarter of a turn, given to the stream, is the mask turned by torch's rot90."""

    class Given(Stream):
        turn = 0.0

        def uniform(self, shape: Any, device: Any = "cpu") -> Tensor:
            # not masked beside a boundary, where rounding would decide
            return torch.tensor([0.0, 0.0, 0.37, 0.61, self.turn]).view(5, 1, 1, 1).expand(shape)

    def mask(turn: float) -> Tensor:
        member = make(degrees=360.0, min_size=0.5)
        member.stream = Given(0, "grid_mask", Clock())
        member.stream.turn = turn
        return hidden(1, 9, 9, member)[0]

    straight = mask(0.0)
    assert 0 < straight.sum() < 81
    assert not torch.equal(straight, straight.T)
    turned = {quarter: torch.rot90(straight, quarter) for quarter in (1, 2, 3)}
    assert torch.equal(mask(0.5), turned[2])
    assert torch.equal(mask(0.25), turned[1]) != torch.equal(mask(0.25), turned[3])
    assert torch.equal(mask(0.75), turned[3]) != torch.equal(mask(0.75), turned[1])
    eighth = mask(0.125)
    middle = 4
    for row in range(9):
        for column in range(9):
            y, x = row - middle, column - middle
            u = (y + x) / math.sqrt(2) + 0.37 * 5  # half of 9 pixels is 4.5, and 5; half of 5 is 3
            v = (x - y) / math.sqrt(2) + 0.61 * 5
            assert eighth[row, column] == (u % 5 >= 3 and v % 5 >= 3)


def test_share_p_of_the_examples_is_masked_and_alike_at_another_p() -> None:
    few, all_of_them = hidden(1000, 8, 8, p=0.3), hidden(1000, 8, 8)
    chosen = few.flatten(1).any(1)
    assert abs(chosen.sum().item() - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5
    assert torch.equal(few[chosen], all_of_them[chosen])


def test_the_probability_rises_over_the_ramp_and_stays() -> None:
    member = make(p=0.6, ramp=0.8)
    shares = []
    for progress in (0.0, 0.4, 0.8, 1.0):
        member.begin_step(progress)
        shares.append(hidden(4000, 8, 8, member).flatten(1).any(1).double().mean().item())
    assert shares == pytest.approx([0.0, 0.3, 0.6, 0.6], abs=0.04)
    assert member.follows_length
    assert not make(ramp=0.0).follows_length


def test_fills_with_the_mean_of_each_channel_of_the_train_rows() -> None:
    pixels = torch.stack([torch.full((4, 4), 51), torch.full((4, 4), 255)]).to(torch.uint8)
    dark = torch.zeros_like(pixels)
    member = make()
    member.prepare_data(Split(torch.stack([pixels, dark, dark, dark]), torch.tensor([0, 1, 0, 1]), 2))
    after = member.transform_batch(Batch(torch.ones(9, 2, 4, 4), torch.ones(9, 1))).inputs
    torch.testing.assert_close(after.amin((0, 2, 3)), torch.tensor([0.2 / 4, 1.0 / 4]))


def test_targets_and_the_given_images_stay_as_they_are() -> None:
    batch = Batch(torch.ones(4, 1, 6, 6), torch.eye(4))
    assert make().transform_batch(batch).targets is batch.targets
    assert batch.inputs.min() == 1


def test_same_step_hides_the_same_and_another_step_other_squares() -> None:
    batch = Batch(torch.ones(16, 1, 8, 8), torch.eye(16))
    first = make(step=3).transform_batch(batch).inputs
    assert torch.equal(make(step=3).transform_batch(batch).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(batch).inputs, first)


def test_keeps_the_type_of_the_images() -> None:
    batch = Batch(torch.ones(2, 1, 4, 4, dtype=torch.bfloat16), torch.eye(2))
    assert make().transform_batch(batch).inputs.dtype == torch.bfloat16


def test_off_returns_the_batch_itself() -> None:
    batch = Batch(torch.zeros(2, 7), torch.eye(2))
    assert make(p=0.0).transform_batch(batch) is batch


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"p": 1.5}, r"p must lie in \[0, 1\], got 1.5"),
        ({"ramp": -0.5}, r"ramp must lie in \[0, 1\], got -0.5"),
        ({"ratio": 1.0}, r"ratio must lie in \(0, 1\), got 1.0"),
        ({"min_size": 0.6}, "min_size must be above 0 and at most max_size, .*, got 0.6 and 0.5"),
        ({"max_size": 1.1}, "min_size must be above 0 and at most max_size, which must be at most 1, .* 1.1"),
        ({"degrees": 400.0}, r"degrees must lie in \[0, 360\], got 400.0"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(**fields)


def test_refuses_what_is_no_image() -> None:
    with pytest.raises(ValueError, match=r"^inputs must be images"):
        make().check_data(Split(torch.zeros(2, 7), torch.tensor([0, 1]), 2))
