import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from regbench.images.geometry import placement, rotate, translate, warp
from tests.images.moves import BILINEAR, shear, shift

MOVES = ("degrees", "slope_x", "slope_y", "right", "down")


def moved(images: Tensor, **moves: Tensor) -> Tensor:
    at_rest = torch.zeros(len(images), dtype=images.dtype)
    return warp(images, placement(images.shape[2:], **(dict.fromkeys(MOVES, at_rest) | moves)))


THEIRS = {
    "degrees": (lambda i, s: vision.rotate(i, s, interpolation=BILINEAR), (-170.0, -15.0, 0.0, 33.0)),
    "slope_x": (lambda i, s: shear(i, x=s), (-0.9, -0.1, 0.0, 0.4)),
    "slope_y": (lambda i, s: shear(i, y=s), (-0.9, -0.1, 0.0, 0.4)),
    "right": (lambda i, s: shift(i, x=int(s)), (-3.7, -1.0, 0.0, 2.9)),
    "down": (lambda i, s: shift(i, y=int(s)), (-3.7, -1.0, 0.0, 20.0)),
}


def drawn(channels: int, height: int = 9, width: int = 6) -> Tensor:
    """Images within [0.2, 0.8], and the last of one color alone."""
    torch.manual_seed(0)
    images = 0.2 + 0.6 * torch.rand(4, channels, height, width)
    images[3] = 0.3
    return images


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("move", THEIRS)
def test_each_example_agrees_with_torchvision_at_its_own_strength(move: str, channels: int):
    theirs, strengths = THEIRS[move]
    given = drawn(channels)
    before = given.clone()
    ours = moved(given, **{move: torch.tensor(strengths)})
    expected = torch.stack([theirs(i, s) for i, s in zip(given, strengths, strict=True)])
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(given, before)
    assert ours.data_ptr() != given.data_ptr()


@pytest.mark.parametrize(("height", "width"), [(28, 28), (9, 6), (32, 32), (1, 5)])
def test_an_image_at_rest_keeps_its_bits_and_so_do_its_pixels_where_it_moves_by_whole_ones(
    height: int, width: int
):
    given = torch.rand(40, 2, height, width)
    assert torch.equal(moved(given), given)
    down, right = (torch.randint(-side, side + 1, (40,)) for side in (height, width))
    by_warp = moved(moved(given, down=down.float()), right=right.float())
    assert torch.equal(by_warp, translate(given, down, right))


def test_a_quarter_turn_is_exact():
    square = drawn(3, 6, 6)
    turned = rotate(square, torch.full((4,), 90.0))
    torch.testing.assert_close(turned, square.rot90(1, (2, 3)))


def test_a_shift_moves_whole_pixels_and_leaves_black_behind():
    given = drawn(1, 4, 5)
    shifted = translate(given, torch.tensor([1, 0, -2, 0]), torch.tensor([2, 0, 0, 5]))
    assert torch.equal(shifted[0, :, 1:, 2:], given[0, :, :-1, :-2])
    assert not shifted[0, :, :1].any()
    assert not shifted[0, :, :, :2].any()
    assert torch.equal(shifted[1], given[1])
    assert torch.equal(shifted[2, :, :2], given[2, :, 2:])
    assert not shifted[3].any()
