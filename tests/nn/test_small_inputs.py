"""Networks for images of 224 pixels, on small ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from regbench.nn.small_inputs import smaller_patch, with_channels, with_larger_maps, with_patches


class Net(nn.Module):
    """The steps of a residual network: a stem that divides by four, three stages that divide by two each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.first, self.short = nn.Conv2d(4, 4, 3, 2, 1, groups=2), nn.Conv2d(4, 4, 1, 2)
        self.second, self.third = nn.Conv2d(4, 4, 2, 2), nn.Conv2d(4, 4, 3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.stem(x))
        x = self.first(x) + self.short(x)
        return self.third(self.second(x))


def side(net: nn.Module, pixels: int) -> int:
    return net(torch.zeros(1, 3, pixels, pixels)).shape[-1]


@pytest.mark.parametrize(
    ("pixels", "last", "strides"),
    [
        (224, 7, [2, 2, 2, 2, 2, 2]),
        (128, 4, [2, 2, 2, 2, 2, 2]),
        (96, 6, [1, 2, 2, 2, 2, 2]),
        (64, 4, [1, 2, 2, 2, 2, 2]),
        (32, 4, [1, 1, 2, 2, 2, 2]),
        (28, 4, [1, 1, 2, 2, 2, 2]),
        (16, 4, [1, 1, 1, 1, 2, 2]),
        (8, 4, [1, 1, 1, 1, 1, 2]),
    ],
)
def test_the_first_steps_go_until_the_last_map_has_four_pixels(
    pixels: int, last: int, strides: list[int]
) -> None:
    net = Net()
    with_larger_maps(net, (3, pixels, pixels))
    assert side(net, pixels) == last
    found = [
        layer.stride[0] if isinstance(layer, nn.Conv2d) else getattr(layer, "stride", 1)
        for layer in (net.stem, net.pool, net.first, net.short, net.second, net.third)
    ]
    assert found == strides


def test_what_stands_for_a_step_is_like_it() -> None:
    net = Net()
    with_larger_maps(net, (3, 8, 8))
    assert (net.stem.kernel_size, net.stem.padding, net.stem.bias) == ((3, 3), (1, 1), None)
    assert isinstance(net.pool, nn.Identity)
    assert (net.first.kernel_size, net.first.groups) == ((3, 3), 2)
    assert net.short.kernel_size == (1, 1)
    assert net.second.kernel_size == (3, 3), "one of 2x2 with stride 1 would not keep the size of its maps"


def test_a_network_that_takes_no_large_images_is_left_alone() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Flatten(), nn.Linear(4 * 15 * 15, 2))
    before = str(net)
    with_larger_maps(net, (3, 32, 32))
    assert str(net) == before


@pytest.mark.parametrize(
    ("pixels", "patch", "want"),
    [
        (8, 16, 2),
        (16, 16, 2),
        (28, 16, 4),
        (32, 16, 4),
        (64, 16, 8),
        (224, 16, 16),
        (224, 32, 28),
        (31, 16, 16),
    ],
)
def test_patches_are_the_smallest_that_leave_at_most_64(pixels: int, patch: int, want: int) -> None:
    assert smaller_patch((3, pixels, pixels), patch) == want


def test_patches_are_cut_anew() -> None:
    net = nn.Sequential(nn.Conv2d(3, 5, 16, 16), nn.Flatten())
    with_patches(net, 4, 1)
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 20)


def test_other_channels_share_what_was_learned() -> None:
    old = nn.Conv2d(3, 2, 3)
    net = nn.Sequential(old)
    with_channels(net, 1, pretrained=True)
    grey = torch.randn(1, 1, 5, 5)
    torch.testing.assert_close(net(grey), old(grey.expand(1, 3, 5, 5)))
    with_channels(net, 1, pretrained=False)
    assert net[0].in_channels == 1
