from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn

from regbench.models.cnn import CNN, Connection
from regbench.nn.local import LocallyConnected
from regbench.nn.norms import Norm
from regbench.sites import Site, select, sites
from regbench.weights import regularized_weights


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_has_the_parameters_of_its_layers() -> None:
    model = CNN((1, 28, 28), 10, width=32, depth=2, norm="none", connection="conv")
    blocks = (1 * 9 * 32 + 32) + (32 * 9 * 64 + 64)
    head = (64 * 7 * 7 * 128 + 128) + (128 * 10 + 10)
    assert count(model) == blocks + head
    assert model(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_a_convolution_before_a_norm_has_no_bias() -> None:
    model = CNN((3, 8, 8), 10, width=2, depth=2, norm="batch", connection="conv")
    blocks = (3 * 9 * 2 + 2 * 2) + (2 * 9 * 4 + 2 * 4)
    head = (4 * 2 * 2 * 8 + 8 + 2 * 8) + (8 * 10 + 10)
    assert count(model) == blocks + head
    kinds = [type(site.body) for _, site in sites(model, "norm")]
    assert kinds == [nn.BatchNorm2d, nn.BatchNorm2d, nn.BatchNorm1d]


def test_maps_narrower_than_four_pixels_are_not_pooled() -> None:
    model = CNN((1, 9, 8), 3, width=1, depth=4, norm="none", connection="conv")
    hidden = [site.shape for _, site in sites(model, "hidden")]
    assert hidden == [(1, 9, 8), (2, 4, 4), (4, 2, 2), (8, 2, 2), (4,)]
    assert model(torch.randn(2, 1, 9, 8)).shape == (2, 3)


def test_noise_acts_at_the_dense_layer_by_default() -> None:
    model = CNN((1, 8, 8), 3, width=2, depth=2, norm="none", connection="conv")
    ((_, site),) = select(model, "hidden", "default")
    assert site.shape == (8,)
    assert site is sites(model, "hidden")[-1][1]


def test_pooling_keeps_the_brightest_pixel_of_a_window_and_forgets_the_others() -> None:
    model = CNN((1, 4, 4), 3, width=1, depth=1, norm="none", connection="conv")
    with torch.no_grad():  # a kernel that copies its pixel
        model.blocks[0].conv.weight.zero_()[:, :, 1, 1] = 1.0
        model.blocks[0].conv.bias.zero_()
    inputs = torch.tensor([[[[1.0, 4, 0, 0], [2, 3, -1, 5], [0, 6, 0, 0], [0, 0, 0, -7]]]])
    assert model.blocks(inputs).tolist() == [[[[4, 5], [6, 0]]]]


@pytest.mark.parametrize(("width", "depth", "text"), [(0, 1, "width"), (1, 0, "depth")])
def test_sizes_are_at_least_one(width: int, depth: int, text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} must be at least 1, got 0"):
        CNN((1, 8, 8), 3, width, depth, norm="none", connection="conv")


def test_inputs_must_be_images() -> None:
    with pytest.raises(ValueError, match=r"in_shape must be \(channels, height, width\), got \(64,\)"):
        CNN((64,), 3, width=2, depth=1, norm="none", connection="conv")


# --- connections


def connected(connection: Connection, norm: Norm = "none") -> CNN:
    return CNN((1, 8, 8), 3, width=2, depth=2, norm=norm, connection=connection)


def test_local_has_a_kernel_at_every_place_and_dense_one_between_all_values() -> None:
    head = (4 * 2 * 2 * 8 + 8) + (8 * 3 + 3)  # four channels of 2x2 pixels after two poolings
    conv = (1 * 9 * 2 + 2) + (2 * 9 * 4 + 4)
    local = 64 * (1 * 9 * 2 + 2) + 16 * (2 * 9 * 4 + 4)
    dense = (64 * 128 + 128) + (32 * 64 + 64)  # 8x8 to 2x8x8, then 2x4x4 to 4x4x4
    assert [count(connected(kind)) for kind in get_args(Connection)] == [
        conv + head,
        local + head,
        dense + head,
    ]


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("connection", ["local", "dense"])
def test_a_connection_changes_neither_the_shapes_nor_the_sites(connection: Connection, norm: Norm) -> None:
    model, conv = connected(connection, norm), connected("conv", norm)
    found = [[m for m in net.modules() if isinstance(m, Site)] for net in (model, conv)]
    outlines = [[(s.kind, s.shape, s.default, type(s.body)) for s in part] for part in found]
    assert outlines[0] == outlines[1]
    assert model(torch.randn(2, 1, 8, 8)).shape == (2, 3)


@pytest.mark.parametrize("connection", ["local", "dense"])
def test_before_a_norm_no_connection_has_a_bias(connection: Connection) -> None:
    names = [name for name, _ in connected(connection, "batch").blocks[0].named_parameters()]
    layer = {"local": "local", "dense": "dense.linear"}[connection]
    assert names == [f"{layer}.weight", "norm.body.weight", "norm.body.bias"]


def test_a_local_network_with_the_kernels_of_a_convolutional_one_is_that_one() -> None:
    conv, local = connected("conv"), connected("local")
    state = conv.state_dict()
    for name, module in local.named_modules():
        if isinstance(module, LocallyConnected):
            places = module.in_shape[1] * module.in_shape[2]
            at = name.replace("local", "conv")
            state[f"{name}.weight"] = state.pop(f"{at}.weight").repeat(places, 1, 1, 1)
            state[f"{name}.bias"] = state.pop(f"{at}.bias").repeat(places)
    local.load_state_dict(state)
    inputs = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(local(inputs), conv(inputs))


def test_l2_would_find_the_weights_of_every_connection() -> None:
    for connection, layer in [("conv", "conv"), ("local", "local"), ("dense", "dense.linear")]:
        names = [name for name, _ in regularized_weights(connected(connection))]
        blocks = [f"blocks.{index}.{layer}.weight" for index in (0, 1)]
        assert names == [*blocks, "dense.linear.weight", "head.weight"]


def test_another_connection_is_refused() -> None:
    with pytest.raises(ValueError, match="connection must be one of conv, local, dense, got 'loca'"):
        CNN((1, 8, 8), 3, width=2, depth=1, norm="none", connection="loca")
