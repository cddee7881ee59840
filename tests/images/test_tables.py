"""Tables of 256 values against Pillow, value for value."""

import pytest
import torch
from torch import Tensor

from regbench.images.tables import Changes, changed, fixed_table
from tests.images.pillow import by_pillow

LEVEL = 1 / 255


def images(rows: int, channels: int, height: int = 20, width: int = 28) -> Tensor:
    """Noise over ramps of ranges of their own, as floats between bytes; one of one color, one of two."""
    torch.manual_seed(0)
    low, high = torch.rand(2, rows, channels, 1, 1)
    drawn = low + (high - low) * torch.rand(rows, channels, height, width).square()
    drawn[0] = 0.3
    drawn[1] = (drawn[1] > 0.5).float()
    return drawn


def tabled(given: Tensor, **strengths: Tensor) -> Tensor:
    rows = len(given)
    rest = {
        "bits": torch.full((rows,), 8.0),
        "threshold": torch.full((rows,), 2.0),
        "factor": torch.ones(rows),
    }
    fixed = fixed_table(*(rest | {n: s for n, s in strengths.items() if n in rest}).values())
    at_rest = {"contrast": torch.ones(rows), "stretch": torch.zeros(rows), "equalize": torch.zeros(rows)}
    return changed(given, Changes(fixed, **(at_rest | {n: s for n, s in strengths.items() if n in at_rest})))


def pillows(name: str, given: Tensor, strengths: Tensor) -> Tensor:
    return torch.stack([by_pillow(name, i, s) for i, s in zip(given, strengths.tolist(), strict=True)])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "ours", "strengths"),
    [
        ("brightness", "factor", torch.linspace(0, 1.99, 120)),
        ("contrast", "contrast", torch.linspace(0.01, 1.99, 120)),
        ("posterize", "bits", 1 + torch.arange(120) % 8.0),
        ("solarize", "threshold", torch.linspace(0, 1, 120)),
        ("equalize", "equalize", torch.ones(120)),
    ],
)
def test_each_image_is_pillows_to_the_value(name: str, ours: str, strengths: Tensor, channels: int):
    given = images(120, channels)
    assert torch.equal(tabled(given, **{ours: strengths}), pillows(name, given, strengths))


@pytest.mark.parametrize("channels", [1, 3])
def test_contrast_is_stretched_by_whole_numbers_and_pillows_within_a_value(channels: int):
    """Pillow multiplies by 255 / (high - low) as a float, and may so stay one below."""
    given = images(60, channels)
    ours = tabled(given, stretch=torch.ones(60))
    torch.testing.assert_close(
        ours, pillows("autocontrast", given, torch.zeros(60)), rtol=0, atol=1.01 * LEVEL
    )
    for channel, found in zip(given.flatten(0, 1), ours.flatten(0, 1), strict=True):
        values = [round(value) for value in (channel * 255).round().flatten().tolist()]
        low, reach = min(values), max(values) - min(values)
        by_hand = [(value - low) * 255 // reach if reach else value for value in values]
        assert (found * 255).round().int().flatten().tolist() == by_hand


def test_small_images_are_equalized_where_255_pixels_lie_below_the_largest_value_only():
    ones = torch.ones(1)
    small, large = images(3, 1, 10, 12)[2:], images(3, 1, 40, 32)[2:]
    assert torch.equal(tabled(small, equalize=ones), (small * 255).round() / 255)
    assert not torch.allclose(tabled(large, equalize=ones), large, atol=0.1)


def test_at_rest_values_are_rounded_and_nothing_else():
    given = images(8, 3)
    assert torch.equal(tabled(given), (given * 255).round() / 255)
    of_bytes = torch.arange(256).to(torch.uint8).view(1, 1, 16, 16).float().div_(255)
    assert torch.equal(tabled(of_bytes), of_bytes)


def test_a_pixel_at_the_threshold_is_inverted():
    pixels = torch.tensor([51, 102, 204]).view(1, 1, 1, 3) / 255
    for threshold, expected in ((102 / 255, [51, 153, 51]), (0.2, [204, 153, 51]), (0.401, [51, 102, 51])):
        inverted = tabled(pixels, threshold=torch.tensor([threshold]))
        assert (inverted * 255).round().flatten().tolist() == expected


def test_of_no_bits_black_is_left():
    assert not tabled(images(3, 1), bits=torch.zeros(3)).any()


def test_half_a_value_beyond_black_and_white_is_black_and_white():
    assert tabled(torch.tensor([-0.5, 1.5]).view(1, 1, 1, 2)).flatten().tolist() == [0, 1]


def test_other_floats_stay_what_they_are():
    given = images(4, 1).double()
    ones = torch.ones(4).double()
    table = fixed_table(torch.full((4,), 4.0).double(), 2 * ones, ones)
    shown = changed(given, Changes(table, ones, 0 * ones, 0 * ones))
    assert shown.dtype == torch.float64
    torch.testing.assert_close(shown, pillows("posterize", given, 4 * ones))
