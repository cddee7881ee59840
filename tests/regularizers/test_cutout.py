import pytest
import torch
from torch import Tensor

from regbench.regularizers.cutout import Cutout
from regbench.streams import Clock, Stream
from regbench.types import Batch, Split


def make(p: float = 1.0, size: int | None = None, step: int = 0) -> Cutout:
    member = Cutout(p=p, size=size)
    member.stream = Stream(0, "cutout", Clock(step=step))
    return member


def covered(
    rows: int, side: int, p: float = 1.0, size: int | None = None, width: int | None = None
) -> Tensor:
    """Which pixels of images of ones are covered: (B, H, W). Without train rows the fill is 0."""
    images = torch.ones(rows, 2, side, width or side)
    after = make(p, size).transform_batch(Batch(images, torch.ones(rows, 1))).inputs
    assert torch.equal(after[:, 0], after[:, 1])
    return after[:, 0] == 0


def squares(side: int, size: int, width: int) -> set[tuple[bool, ...]]:
    """Every mask that the definition allows, written with loops: a center at each pixel."""
    masks = set()
    for row in range(side):
        for column in range(width):
            mask = torch.zeros(side, width, dtype=torch.bool)
            up, down = max(0, row - size // 2), row - size // 2 + size
            left, right = max(0, column - size // 2), column - size // 2 + size
            mask[up : max(0, down), left : max(0, right)] = True
            masks.add(tuple(mask.flatten().tolist()))
    return masks


@pytest.mark.parametrize(("side", "width", "size"), [(5, 5, 2), (5, 6, 3), (4, 4, 7), (4, 5, 1)])
def test_covers_squares_around_every_pixel_and_nothing_else(side: int, width: int, size: int):
    seen = {tuple(mask.flatten().tolist()) for mask in covered(800, side, size=size, width=width)}
    assert seen == squares(side, size, width)


def test_covers_the_share_of_the_formula_and_not_a_quarter():
    # ((16 - 16^2 / (4 * 32)) / 32)^2 = (14 / 32)^2 = 0.1914
    assert covered(4000, 32, size=16).double().mean().item() == pytest.approx(0.1914, abs=0.004)


def test_centers_are_uniform_over_the_pixels():
    # chi-square with 15 degrees of freedom exceeds 44 once in 10,000 times
    counts = covered(1600, 4, size=1).sum(0).flatten().double()
    assert ((counts - 100) ** 2 / 100).sum() < 44


@pytest.mark.parametrize(("side", "size"), [(32, 16), (28, 14), (9, 4), (1, 1)])
def test_size_is_half_the_side_unless_given(side: int, size: int):
    assert covered(300, side).any(2).sum(1).max() == size


def test_share_p_of_the_examples_is_covered():
    # 300 of 1000, give or take 5 deviations
    changed = covered(1000, 6, p=0.3).flatten(1).any(1).sum().item()
    assert abs(changed - 300) < 5 * (1000 * 0.3 * 0.7) ** 0.5


def test_those_covered_at_a_small_p_are_covered_alike_at_a_large_one():
    few, all_of_them = covered(100, 8, p=0.4), covered(100, 8, p=1.0)
    chosen = few.flatten(1).any(1)
    assert torch.equal(few[chosen], all_of_them[chosen])


def test_fills_with_the_mean_of_each_channel_of_the_train_rows():
    pixels = torch.stack([torch.full((4, 4), 51), torch.full((4, 4), 255)]).to(torch.uint8)
    dark = torch.zeros_like(pixels)
    member = make(size=1)
    member.prepare_data(Split(torch.stack([pixels, dark, dark, dark]), torch.tensor([0, 1, 0, 1]), 2))
    after = member.transform_batch(Batch(torch.ones(1, 2, 4, 4), torch.ones(1, 1))).inputs
    torch.testing.assert_close(after[0].amin((1, 2)), torch.tensor([0.2 / 4, 1.0 / 4]))


def test_targets_and_the_given_images_stay_as_they_are():
    batch = Batch(torch.ones(4, 1, 6, 6), torch.eye(4))
    assert make().transform_batch(batch).targets is batch.targets
    assert batch.inputs.min() == 1


def test_same_step_covers_the_same_pixels_and_another_step_others():
    batch = Batch(torch.ones(16, 1, 8, 8), torch.eye(16))
    first = make(step=3).transform_batch(batch).inputs
    assert torch.equal(make(step=3).transform_batch(batch).inputs, first)
    assert not torch.equal(make(step=4).transform_batch(batch).inputs, first)


def test_keeps_the_type_of_the_images():
    batch = Batch(torch.ones(2, 1, 4, 4, dtype=torch.bfloat16), torch.eye(2))
    assert make().transform_batch(batch).inputs.dtype == torch.bfloat16


def test_p_zero_returns_the_batch_itself():
    batch = Batch(torch.zeros(2, 7), torch.eye(2))
    assert make(p=0.0).transform_batch(batch) is batch


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"p": -0.1}, r"p must lie in \[0, 1\], got -0.1"),
        ({"p": 1.5}, r"p must lie in \[0, 1\], got 1.5"),
        ({"size": 0}, "size must be at least 1, got 0"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, float], message: str):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(**fields)


def test_refuses_what_is_no_image_or_too_small():
    split = Split(torch.zeros(2, 7, 3), torch.tensor([0, 1]), 2)
    with pytest.raises(ValueError, match=r"^inputs must be images of shape \(B, C, H, W\) or columns of "):
        make().check_data(split)
    images = Batch(torch.zeros(2, 1, 4, 5), torch.eye(2))
    make(size=8).transform_batch(images)
    with pytest.raises(ValueError, match=r"^size must be at most 8 for images of 4 px, got 9$"):
        make(size=9).transform_batch(images)


TABLE = Split(
    torch.randn(500, 9), torch.zeros(500, dtype=torch.int64), 2, columns=(0, 1, 2, 3, 4, 5, 6, 7, 7)
)


def covered_columns(p: float = 1.0, size: int | None = None) -> Tensor:
    """Which inputs of TABLE are covered, and that these are the means of the train rows."""
    member = make(p, size)
    member.check_data(TABLE)
    member.prepare_data(TABLE)
    shown = member.transform_batch(TABLE[:]).inputs
    hidden = shown != TABLE.inputs
    torch.testing.assert_close(shown[hidden], TABLE.inputs.mean(0).expand(500, 9)[hidden])
    return hidden


@pytest.mark.parametrize(("size", "columns"), [(None, 2), (1, 1), (5, 5), (8, 8)])
def test_of_a_table_so_many_whole_columns_are_covered(size: int | None, columns: int):
    hidden = covered_columns(size=size)
    assert torch.equal(hidden[:, 7], hidden[:, 8])  # the inputs of one category
    assert hidden[:, :8].sum(1).tolist() == [columns] * 500


def test_of_a_table_p_is_the_share_of_the_rows():
    assert covered_columns(p=0.3).any(1).double().mean().item() == pytest.approx(0.3, abs=0.08)


def test_refuses_more_columns_than_there_are():
    with pytest.raises(ValueError, match=r"^size must be at most 8 for a table of so many columns, got 9$"):
        make(size=9).check_data(TABLE)
