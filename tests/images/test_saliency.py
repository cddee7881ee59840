"""Saliency against the same written with loops, in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from regbench.images.saliency import saliency, salient_pixels


def by_loops(image: np.ndarray) -> np.ndarray:
    """The definition for one image (C, H, W), pixel by pixel."""
    red, green, blue = image if len(image) == 3 else (image.mean(0),) * 3
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    height, width = grey.shape
    for _ in range(2):
        mirrored = np.pad(grey, 1, mode="reflect")
        kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
        grey = np.array(
            [[(mirrored[r : r + 3, c : c + 3] * kernel).sum() for c in range(width)] for r in range(height)]
        )
    salient = np.zeros_like(grey)
    for reach in (12, 24, 48, 28, 56, 112):
        for row in range(height):
            for column in range(width):
                around = [
                    grey[r, c]
                    for r in range(max(0, row - reach + 1), min(height, row + reach + 1))
                    for c in range(max(0, column - reach + 1), min(width, column + reach + 1))
                    if (r, c) != (row, column)
                ]
                salient[row, column] += abs(grey[row, column] - np.mean(around))
    return salient


@pytest.mark.parametrize("shape", [(3, 16, 15), (1, 5, 30), (2, 14, 3)])
def test_it_is_the_definition(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).random(shape)
    found = saliency(torch.from_numpy(image)[None])
    torch.testing.assert_close(found[0].double(), torch.from_numpy(by_loops(image)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_lone_spot_is_the_most_salient_bright_or_dark(level: float) -> None:
    images = torch.full((3, 1, 20, 30), 0.5)
    places = [(4, 7), (10, 22), (15, 3)]
    for image, (row, column) in zip(images, places, strict=True):
        image[0, row - 1 : row + 2, column - 1 : column + 2] = level
    rows, columns = salient_pixels(images)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == places


def test_an_image_of_one_color_has_nothing_that_stands_out() -> None:
    images = torch.rand(4, 3, 1, 1, generator=torch.Generator().manual_seed(0)).expand(4, 3, 9, 11)
    assert saliency(images).abs().max() == 0
    rows, columns = salient_pixels(images)
    assert not rows.any()
    assert not columns.any()


def test_an_image_does_not_depend_on_those_beside_it() -> None:
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(saliency(images)[1:2], saliency(images[1:2]))


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 2)])
def test_the_smallest_images_have_a_saliency(size: tuple[int, int]) -> None:
    assert saliency(torch.rand(2, 1, *size)).isfinite().all()
