"""Corrupted images, by what the definition says they are."""

from __future__ import annotations

import colorsys
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from regbench.images.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    Corruption,
    add_noise,
    blur,
    brighten,
    lower_contrast,
    pixelate,
)

ALL = [(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]
# Hendrycks and Dietterich's CIFAR-10-C
NOISE_SD = {1: 0.04, 2: 0.06, 3: 0.08, 4: 0.09, 5: 0.10}
BLUR_SD = {1: 0.4, 2: 0.6, 3: 0.7, 4: 0.8, 5: 1.0}
CONTRAST = {1: 0.75, 2: 0.5, 3: 0.4, 4: 0.3, 5: 0.15}
BRIGHTNESS = {1: 0.05, 2: 0.1, 3: 0.15, 4: 0.2, 5: 0.3}
PIXELS_OF_32 = {1: 30, 2: 28, 3: 27, 4: 24, 5: 20}


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize(("name", "severity"), ALL)
def test_every_corruption_changes_images_and_leaves_them_images(name: str, severity: int) -> None:
    clean = images(3, 2, 9, 7)
    before = clean.clone()
    changed = Corruption(name, severity)(clean)
    assert changed.shape == clean.shape
    assert changed.dtype == clean.dtype
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.equal(changed, clean)
    assert torch.equal(clean, before), "what was given must stay"


def test_at_no_strength_nothing_changes() -> None:
    clean = images(3, 2, 9, 7)
    for change, nothing in (
        (add_noise, 0.0), (blur, 1e-3), (lower_contrast, 1.0), (brighten, 0.0), (pixelate, 1.0),
    ):  # fmt: skip
        torch.testing.assert_close(change(clean, nothing, seeded()), clean, rtol=0, atol=1e-7)


# --- noise


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_has_mean_0_and_the_papers_deviation(severity: int) -> None:
    grey = torch.full((128, 3, 32, 32), 0.5)  # five deviations from either end: next to nothing is cut off
    noise = (Corruption("noise", severity)(grey) - 0.5).double()
    count, sd = noise.numel(), NOISE_SD[severity]
    assert abs(noise.mean().item()) < 4 * sd / math.sqrt(count)
    assert abs(noise.std().item() - sd) < 4 * sd / math.sqrt(2 * count)  # of a normal sample's deviation


def test_noise_is_cut_off_at_black_and_white() -> None:
    for shade in (0.0, 1.0):
        noisy = Corruption("noise", 5)(torch.full((50, 1, 20, 20), shade))
        at_the_end = (noisy == shade).double().mean().item()
        assert abs(at_the_end - 0.5) < 4 * 0.5 / math.sqrt(noisy.numel())


def test_noise_follows_corruption_and_severity_and_nothing_else() -> None:
    clean = images(4, 1, 8, 8)
    torch.manual_seed(0)
    first = Corruption("noise", 2)(clean)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert torch.equal(Corruption("noise", 2)(clean), first)
    assert torch.equal(torch.get_rng_state(), state), "a run's own draws must stay where they are"
    draws = [(Corruption("noise", s)(torch.full((4, 1, 8, 8), 0.5)) - 0.5) / NOISE_SD[s] for s in SEVERITIES]
    assert all((one - other).abs().max() > 0.1 for one, other in pairwise(draws))


def test_rows_and_chunks_each_have_their_own_noise() -> None:
    grey = torch.full((2, 1, 8, 8), 0.5)
    noise = Corruption("noise", 1)
    first, second = noise(grey), noise(grey)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)


# --- blur


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize(("width", "share"), [(32, 1.0), (64, 2.0), (8, 1.0), (28, 1.0)])
def test_blur_is_a_gaussian_as_wide_as_the_image_asks_for(severity: int, width: int, share: float) -> None:
    clean = images(2, 3, 12, width)
    sd = BLUR_SD[severity] * share
    for image, blurred in zip(clean, Corruption("blur", severity)(clean), strict=True):
        for channel, found in zip(image.double().numpy(), blurred.numpy(), strict=True):
            expected = gaussian_filter(channel, sd, mode="nearest", truncate=4.0)
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_blur_keeps_a_constant_image_and_spreads_a_dot_without_loss() -> None:
    flat = torch.full((1, 1, 5, 40), 0.3)
    torch.testing.assert_close(blur(flat, 1.0), flat)
    dot = torch.zeros(1, 1, 21, 21)
    dot[0, 0, 10, 10] = 1
    spread = blur(dot, 1.0)
    assert spread.sum().item() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(spread, spread.flip(2))
    torch.testing.assert_close(spread, spread.transpose(2, 3))
    # weights of a Gaussian: one pixel away e^-1/2, on the diagonal e^-1
    assert (spread[0, 0, 10, 11] / spread[0, 0, 10, 10]).item() == pytest.approx(math.exp(-0.5), rel=1e-5)
    assert (spread[0, 0, 11, 11] / spread[0, 0, 10, 10]).item() == pytest.approx(math.exp(-1), rel=1e-5)


# --- contrast


def test_contrast_shrinks_towards_the_mean_of_the_images_own_channel() -> None:
    clean = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]], [[0.0, 0.0], [0.0, 0.4]]]])
    # means 0.5 and 0.1
    expected = torch.tensor([[[[0.25, 0.75], [0.5, 0.5]], [[0.05, 0.05], [0.05, 0.25]]]])
    torch.testing.assert_close(Corruption("contrast", 2)(clean), expected)
    both = torch.cat([clean, torch.ones_like(clean)])
    torch.testing.assert_close(Corruption("contrast", 2)(both), torch.cat([expected, torch.ones_like(clean)]))


@pytest.mark.parametrize("severity", SEVERITIES)
def test_contrast_keeps_the_papers_share_of_the_range(severity: int) -> None:
    step = torch.tensor([[[[0.0, 1.0]]]])
    low, high = Corruption("contrast", severity)(step).flatten().tolist()
    assert high - low == pytest.approx(CONTRAST[severity])
    assert high + low == pytest.approx(1)


# --- brightness


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_adds_and_stops_at_white(severity: int) -> None:
    shades = torch.tensor([[[[0.0, 0.4, 0.69, 0.97, 1.0]]]])
    amount = BRIGHTNESS[severity]
    expected = [amount, 0.4 + amount, 0.69 + amount, 1.0, 1.0]
    assert Corruption("brightness", severity)(shades).flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_of_colours_keeps_hue_and_saturation_and_adds_to_the_value(severity: int) -> None:
    pixels = torch.cat(
        [
            images(1, 3, 6, 5),
            torch.tensor([[0.0, 0.0, 0.0], [0.9, 0.9, 0.2]]).T[None, :, :, None].expand(1, 3, 2, 5),
        ],
        2,
    )
    found = Corruption("brightness", severity)(pixels)
    for before, after in zip(pixels[0].flatten(1).T.tolist(), found[0].flatten(1).T.tolist(), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb(hue, saturation, min(1.0, value + BRIGHTNESS[severity]))
        assert after == pytest.approx(expected, abs=1e-6)


# --- pixelation


@pytest.mark.parametrize("side", [(32, 32), (28, 28), (8, 8), (64, 48), (3, 7)])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_pixelation_is_pillows_box_down_and_box_up(severity: int, side: tuple[int, int]) -> None:
    height, width = side
    clean = images(2, 1, height, width)
    share = {1: 0.95, 2: 0.9, 3: 0.85, 4: 0.75, 5: 0.65}[severity]
    for image, found in zip(clean[:, 0], Corruption("pixelate", severity)(clean)[:, 0], strict=True):
        picture = Image.fromarray(image.numpy(), mode="F")
        small = picture.resize((int(width * share), int(height * share)), Image.Resampling.BOX)
        expected = np.asarray(small.resize((width, height), Image.Resampling.BOX))
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_pixelation_grows_with_its_severity() -> None:
    clean = images(8, 3, 32, 32)
    changes = [(Corruption("pixelate", s)(clean) - clean).abs().mean().item() for s in SEVERITIES]
    assert changes == sorted(changes)
    assert changes[0] < 0.3 * changes[-1]  # 2 of 32 columns and rows merged against 12


def test_pixelation_turns_a_checkerboard_grey_and_averages_blocks() -> None:
    board = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(3, 3)[None, None]
    torch.testing.assert_close(pixelate(board, 0.5), torch.full((1, 1, 6, 6), 0.5))
    rows = torch.tensor([[[[0.0, 0.2, 0.4, 0.8], [0.2, 0.4, 0.4, 0.4]]]])
    expected = torch.tensor([[[[0.2, 0.2, 0.5, 0.5], [0.2, 0.2, 0.5, 0.5]]]])
    torch.testing.assert_close(pixelate(rows, 0.5), expected)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_pixelation_leaves_as_many_pixels_as_the_paper_has(severity: int) -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    for tilted in (ramp, ramp.transpose(2, 3)):
        shades = (
            Corruption("pixelate", severity)(tilted) * 1e4
        ).round()  # equal means differ in the last bit
        assert len(shades.unique()) == PIXELS_OF_32[severity]


def test_pixelation_moves_nothing_to_one_side() -> None:
    clean = images(2, 1, 8, 8)
    turned = Corruption("pixelate", 3)(clean.rot90(2, (2, 3))).rot90(2, (2, 3))
    torch.testing.assert_close(turned, Corruption("pixelate", 3)(clean))


@pytest.mark.parametrize("share", [0.65, 0.01])
def test_pixelation_of_a_single_pixel_leaves_it(share: float) -> None:
    one = torch.full((1, 3, 1, 1), 0.3)
    torch.testing.assert_close(pixelate(one, share), one)


def test_images_of_a_device_come_back_on_it_with_the_cpus_noise(device: torch.device) -> None:
    clean = images(3, 1, 8, 8)
    for name in CORRUPTIONS:
        there = Corruption(name, 3)(clean.to(device))
        assert there.device.type == device.type
        torch.testing.assert_close(there.cpu(), Corruption(name, 3)(clean), rtol=0, atol=1e-6)
