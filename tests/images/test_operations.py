import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as vision

from regbench.images import operations
from regbench.images.checks import require_pixels
from regbench.types import Split

BILINEAR = InterpolationMode.BILINEAR


def shear(image: Tensor, x: float = 0.0, y: float = 0.0) -> Tensor:
    angles = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return vision.affine(
        image, angle=0, translate=[0, 0], scale=1, shear=angles, center=[0, 0], interpolation=BILINEAR
    )


def shift(image: Tensor, x: int = 0, y: int = 0) -> Tensor:
    return vision.affine(image, angle=0, translate=[x, y], scale=1, shear=[0, 0])


THEIRS = {
    "rotate": (lambda i, s: vision.rotate(i, s, interpolation=BILINEAR), (-170.0, -15.0, 0.0, 33.0)),
    "shear_x": (lambda i, s: shear(i, x=s), (-0.9, -0.1, 0.0, 0.4)),
    "shear_y": (lambda i, s: shear(i, y=s), (-0.9, -0.1, 0.0, 0.4)),
    "translate_x": (lambda i, s: shift(i, x=int(s)), (-3.7, -1.0, 0.0, 2.9)),
    "translate_y": (lambda i, s: shift(i, y=int(s)), (-3.7, -1.0, 0.0, 20.0)),
    "brightness": (vision.adjust_brightness, (0.0, 0.4, 1.0, 1.9)),
    "contrast": (vision.adjust_contrast, (0.0, 0.4, 1.0, 1.9)),
    "saturation": (vision.adjust_saturation, (0.0, 0.4, 1.0, 1.9)),
    "sharpness": (vision.adjust_sharpness, (0.0, 0.4, 1.0, 1.9)),
    "hue": (vision.adjust_hue, (-0.5, -0.13, 0.0, 0.4)),
    "posterize": (lambda i, s: vision.posterize(i, int(s)), (1.0, 2.0, 4.0, 8.0)),
    "solarize": (vision.solarize, (0.0, 0.3, 0.7, 1.0)),
    "autocontrast": (lambda i, s: vision.autocontrast(i), (0.0,) * 4),
    "equalize": (lambda i, s: vision.equalize(i), (0.0,) * 4),
}


def images(channels: int, height: int = 9, width: int = 6) -> Tensor:
    """Images within [0.2, 0.8], and the last of one color alone."""
    torch.manual_seed(0)
    drawn = 0.2 + 0.6 * torch.rand(4, channels, height, width)
    drawn[3] = 0.3
    return drawn


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", THEIRS)
def test_each_example_agrees_with_torchvision_at_its_own_strength(name: str, channels: int):
    theirs, strengths = THEIRS[name]
    given = images(channels)
    before = given.clone()
    ours = getattr(operations, name)(given, torch.tensor(strengths))
    expected = torch.stack([theirs(i, s) for i, s in zip(given, strengths, strict=True)])
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(given, before)
    assert ours.data_ptr() != given.data_ptr()


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_equalized_as_torchvision_does(channels: int):
    # only from 256 pixels on does a step exceed 0
    given = images(channels, 40, 32).square()
    ours = operations.equalize(given, torch.zeros(4))
    torch.testing.assert_close(ours, torch.stack([vision.equalize(i) for i in given]))
    assert not torch.allclose(ours[:3], given[:3], atol=0.1)


def test_a_quarter_turn_is_exact():
    square = images(3, 6, 6)
    turned = operations.rotate(square, torch.full((4,), 90.0))
    torch.testing.assert_close(turned, square.rot90(1, (2, 3)))


def test_a_shift_moves_whole_pixels_and_leaves_black_behind():
    given = images(1, 4, 5)
    moved = operations.translate(given, torch.tensor([1, 0, -2, 0]), torch.tensor([2, 0, 0, 5]))
    assert torch.equal(moved[0, :, 1:, 2:], given[0, :, :-1, :-2])
    assert not moved[0, :, :1].any()
    assert not moved[0, :, :, :2].any()
    assert torch.equal(moved[1], given[1])
    assert torch.equal(moved[2, :, :2], given[2, :, 2:])
    assert not moved[3].any()


def test_a_third_of_the_color_circle_turns_red_into_green():
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    green = operations.hue(red, torch.tensor([1 / 3]))
    torch.testing.assert_close(green.flatten(), torch.tensor([0.0, 1.0, 0.0]))


def test_each_example_is_given_the_operation_chosen_for_it():
    given, names = images(3), list(operations.OPS)
    chosen = torch.tensor([names.index(n) for n in ("identity", "solarize", "brightness", "translate_x")])
    changed = operations.apply_each(given, chosen, torch.tensor([7.0, 0.0, -0.5, 2.0]))
    assert torch.equal(changed[0], given[0])
    torch.testing.assert_close(changed[1], 1 - given[1])
    torch.testing.assert_close(changed[2], given[2] * 0.5)
    assert torch.equal(changed[3, :, :, 2:], given[3, :, :, :-2])


def test_a_pixel_of_an_image_too_small_for_it_is_not_sharpened():
    small = images(1, 2, 6)
    assert torch.equal(operations.sharpness(small, torch.full((4,), 1.9)), small)


def test_refuses_what_is_no_image_in_its_range():
    labels = torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match=r"^inputs must be images of shape \(B, C, H, W\), got \(2, 5\)$"):
        require_pixels(Split(torch.zeros(2, 5), labels, 2))
    with pytest.raises(ValueError, match=r"^images must have 1 or 3 channels, got 2$"):
        require_pixels(Split(torch.zeros(2, 2, 3, 3), labels, 2), colors=True)
    with pytest.raises(ValueError, match=r"^pixels must lie in \[0, 1\], got -3 to -3$"):
        require_pixels(Split(torch.full((2, 1, 3, 3), -3.0), labels, 2))
    require_pixels(Split(torch.full((2, 2, 3, 3), 16, dtype=torch.uint8), labels, 2, scale=16))


def test_a_pixel_at_the_threshold_is_inverted():
    pixels = torch.tensor([0.25, 0.5, 0.75]).view(1, 1, 1, 3)
    inverted = operations.solarize(pixels, torch.tensor([0.5]))
    assert inverted.flatten().tolist() == [0.25, 0.5, 0.25]
    assert operations.solarize(pixels, torch.tensor([0.25])).flatten().tolist() == [0.75, 0.5, 0.25]
