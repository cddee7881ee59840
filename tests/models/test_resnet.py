from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from regbench.models.resnet import Block, ResNet, Shortcut
from regbench.sites import select, sites


def resnet(
    depth: int = 8, width: int = 2, norm: str = "batch", in_shape: tuple[int, ...] = (3, 8, 8)
) -> ResNet:
    return ResNet(in_shape, 10, width=width, depth=depth, norm=norm)  # type: ignore[arg-type]


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("depth", "millions", "digits"),
    [(20, 0.27, 2), (32, 0.46, 2), (44, 0.66, 2), (56, 0.85, 2), (110, 1.7, 1)],
)
def test_the_cifar_family_has_the_papers_parameters(depth: int, millions: float, digits: int) -> None:
    with torch.device("meta"):
        model = resnet(depth, width=16, in_shape=(3, 32, 32))
    assert round(count(model) / 1e6, digits) == millions


def test_resnet_20_has_269722_parameters() -> None:
    stem = 3 * 9 * 16 + 2 * 16
    stages = (
        6 * (16 * 9 * 16 + 2 * 16)
        + (16 * 9 * 32 + 2 * 32)
        + 5 * (32 * 9 * 32 + 2 * 32)
        + (32 * 9 * 64 + 2 * 64)
        + 5 * (64 * 9 * 64 + 2 * 64)
    )
    assert stem + stages + 64 * 10 + 10 == 269_722
    with torch.device("meta"):
        assert count(resnet(20, width=16, in_shape=(3, 32, 32))) == 269_722


def test_resnet_18_has_projections_and_their_norms() -> None:
    def stage(before: int, after: int) -> int:
        convs = before * 9 * after + 3 * after * 9 * after + 4 * 2 * after
        return convs + (before * after + 2 * after if before != after else 0)

    stages = stage(64, 64) + stage(64, 128) + stage(128, 256) + stage(256, 512)
    with torch.device("meta"):
        model = resnet(18, width=64, in_shape=(3, 32, 32))
    assert count(model) == (3 * 9 * 64 + 2 * 64) + stages + 512 * 10 + 10
    assert len(sites(model, "norm")) == 1 + 16 + 3


def test_without_a_norm_each_convolution_has_a_bias_for_its_shift() -> None:
    with_norms, without = resnet(norm="batch"), resnet(norm="none")
    channels = 2 * 3 + 4 * 2 + 8 * 2  # the stem and the two convolutions of each of three blocks
    assert count(with_norms) - count(without) == channels
    convs = [m for m in without.modules() if isinstance(m, nn.Conv2d)]
    assert [m.bias is None for m in convs] == [False] * 7
    assert all(m.bias is None for m in with_norms.modules() if isinstance(m, nn.Conv2d))


def test_the_shortcut_keeps_every_second_pixel_and_appends_zeros() -> None:
    inputs = torch.arange(16.0).view(1, 1, 4, 4)
    outputs = Shortcut(stride=2, extra_channels=1)(inputs)
    assert outputs.tolist() == [[[[0, 2], [8, 10]], [[0, 0], [0, 0]]]]


def silence(block: Block) -> None:
    """Make the branch put out zeros."""
    with torch.no_grad():
        block.branch.body.second.conv.weight.zero_()
        block.branch.body.second.conv.bias.zero_()


def test_a_block_adds_its_branch_before_the_relu() -> None:
    block = Block((1, 2, 2), stride=1, norm="none", projection=False)
    silence(block)
    block.branch.body.second.conv.bias.data.fill_(-1.5)
    inputs = torch.tensor([[[[1.0, 2.0], [3.0, -4.0]]]])
    assert block(inputs).tolist() == [[[[0, 0.5], [1.5, 0]]]]


def test_a_projection_maps_the_channels_of_every_second_pixel() -> None:
    block = Block((1, 3, 3), stride=2, norm="none", projection=True)
    silence(block)
    with torch.no_grad():
        block.shortcut.conv.weight.copy_(torch.tensor([2.0, -1.0]).view(2, 1, 1, 1))
        block.shortcut.conv.bias.zero_()
    inputs = torch.arange(9.0).view(1, 1, 3, 3)
    assert block(inputs).tolist() == [[[[0, 4], [12, 16]], [[0, 0], [0, 0]]]]
    assert block.shape == (2, 2, 2)


def test_the_branch_is_conv_norm_relu_conv_norm() -> None:
    block = Block((2, 4, 4), stride=2, norm="batch", projection=False)
    inputs = torch.randn(5, 2, 4, 4)
    first, second = block.branch.body.first, block.branch.body.second

    def conv_norm(inputs: Tensor, conv: nn.Conv2d, stride: int) -> Tensor:
        maps = nn.functional.conv2d(inputs, conv.weight, stride=stride, padding=1)
        return nn.functional.batch_norm(maps, None, None, training=True)  # scale 1, shift 0 at the start

    hidden = conv_norm(inputs, first.conv, 2).relu()
    torch.testing.assert_close(block.branch(inputs), conv_norm(hidden, second.conv, 1))


def test_noise_acts_on_the_pooled_features_by_default() -> None:
    for depth, channels in ((8, 8), (18, 16)):
        model = resnet(depth)
        ((_, site),) = select(model, "hidden", "default")
        assert site.shape == (channels,)
        assert site is sites(model, "hidden")[-1][1]
        assert isinstance(site.body, nn.Identity)


def test_sites_are_the_papers_places() -> None:
    model = resnet(14)  # a stem, six blocks of two convolutions, features
    assert len(sites(model, "branch")) == 6
    assert len(sites(model, "norm")) == 1 + 6 * 2
    assert len(sites(model, "hidden")) == 1 + 6 * 2 + 1
    assert [site.shape for _, site in sites(model, "branch")] == [
        *[(2, 8, 8)] * 2,
        *[(4, 4, 4)] * 2,
        *[(8, 2, 2)] * 2,
    ]


def test_convolutions_start_with_the_variance_two_over_fan_out() -> None:
    model = resnet(width=32)
    weight = model.blocks[1].branch.body.first.conv.weight  # 32 to 64 channels
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.05)


@pytest.mark.parametrize("depth", [1, 2, 19, 21, 34])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=rf"depth must be 18 or 6n \+ 2 \(8, 14, 20, .*\), got {depth}"):
        resnet(depth)


def test_sizes_and_shapes_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        resnet(width=0)
    with pytest.raises(ValueError, match="depth must be at least 1, got -4"):
        resnet(depth=-4)
    with pytest.raises(ValueError, match=r"in_shape must be \(channels, height, width\), got \(64,\)"):
        resnet(in_shape=(64,))
