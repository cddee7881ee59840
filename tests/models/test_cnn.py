from __future__ import annotations

import pytest
import torch
from torch import nn

from regbench.models.cnn import CNN
from regbench.sites import select, sites


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_has_the_parameters_of_its_layers() -> None:
    model = CNN((1, 28, 28), 10, width=32, depth=2, norm="none")
    blocks = (1 * 9 * 32 + 32) + (32 * 9 * 64 + 64)
    head = (64 * 7 * 7 * 128 + 128) + (128 * 10 + 10)
    assert count(model) == blocks + head
    assert model(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_a_convolution_before_a_norm_has_no_bias() -> None:
    model = CNN((3, 8, 8), 10, width=2, depth=2, norm="batch")
    blocks = (3 * 9 * 2 + 2 * 2) + (2 * 9 * 4 + 2 * 4)
    head = (4 * 2 * 2 * 8 + 8 + 2 * 8) + (8 * 10 + 10)
    assert count(model) == blocks + head
    kinds = [type(site.body) for _, site in sites(model, "norm")]
    assert kinds == [nn.BatchNorm2d, nn.BatchNorm2d, nn.BatchNorm1d]


def test_maps_narrower_than_four_pixels_are_not_pooled() -> None:
    model = CNN((1, 9, 8), 3, width=1, depth=4, norm="none")
    hidden = [site.shape for _, site in sites(model, "hidden")]
    assert hidden == [(1, 9, 8), (2, 4, 4), (4, 2, 2), (8, 2, 2), (4,)]
    assert model(torch.randn(2, 1, 9, 8)).shape == (2, 3)


def test_noise_acts_at_the_dense_layer_by_default() -> None:
    model = CNN((1, 8, 8), 3, width=2, depth=2, norm="none")
    ((_, site),) = select(model, "hidden", "default")
    assert site.shape == (8,)
    assert site is sites(model, "hidden")[-1][1]


def test_pooling_keeps_the_brightest_pixel_of_a_window_and_forgets_the_others() -> None:
    model = CNN((1, 4, 4), 3, width=1, depth=1, norm="none")
    with torch.no_grad():  # a kernel that copies its pixel
        model.blocks[0].conv.weight.zero_()[:, :, 1, 1] = 1.0
        model.blocks[0].conv.bias.zero_()
    inputs = torch.tensor([[[[1.0, 4, 0, 0], [2, 3, -1, 5], [0, 6, 0, 0], [0, 0, 0, -7]]]])
    assert model.blocks(inputs).tolist() == [[[[4, 5], [6, 0]]]]


@pytest.mark.parametrize(("width", "depth", "text"), [(0, 1, "width"), (1, 0, "depth")])
def test_sizes_are_at_least_one(width: int, depth: int, text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} must be at least 1, got 0"):
        CNN((1, 8, 8), 3, width, depth, norm="none")


def test_inputs_must_be_images() -> None:
    with pytest.raises(ValueError, match=r"in_shape must be \(channels, height, width\), got \(64,\)"):
        CNN((64,), 3, width=2, depth=1, norm="none")
