from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from regbench.nn.local import LocallyConnected, dense_map
from regbench.weights import regularized_weights


def copied(conv: nn.Conv2d, height: int, width: int) -> LocallyConnected:
    """A local layer with the convolution's kernel and bias at every place."""
    layer = LocallyConnected(
        (conv.in_channels, height, width), conv.out_channels, conv.kernel_size[0], conv.bias is not None
    )
    with torch.no_grad():
        layer.weight.copy_(conv.weight.repeat(height * width, 1, 1, 1))
        if conv.bias is not None:
            layer.bias.copy_(conv.bias.repeat(height * width))
    return layer.to(conv.weight.device)


def shifted(images: Tensor) -> Tensor:
    """One pixel to the right; what leaves on one side comes in on the other."""
    return images.roll(1, dims=3)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("height", "width", "kernel"), [(8, 8, 3), (5, 7, 3), (1, 1, 3), (2, 9, 5), (4, 3, 1)]
)
def test_one_kernel_at_every_place_is_a_convolution(
    height: int, width: int, kernel: int, bias: bool, device: torch.device
) -> None:
    conv = nn.Conv2d(3, 4, kernel, padding=kernel // 2, bias=bias).to(device)
    inputs = torch.randn(2, 3, height, width, device=device)
    outputs = copied(conv, height, width)(inputs)
    assert outputs.is_contiguous()
    torch.testing.assert_close(outputs, conv(inputs))


def test_the_gradient_of_a_shared_kernel_is_the_sum_over_its_places() -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1)
    layer = copied(conv, 5, 4)
    inputs, weighing = torch.randn(2, 2, 5, 4), torch.randn(2, 3, 5, 4)
    grads = []
    for module in (conv, layer):
        shown = inputs.clone().requires_grad_()
        (module(shown).tanh() * weighing).sum().backward()
        grads.append(shown.grad)
    torch.testing.assert_close(layer.weight.grad.view(20, 3, 2, 3, 3).sum(0), conv.weight.grad)
    torch.testing.assert_close(layer.bias.grad.view(20, 3).sum(0), conv.bias.grad)
    torch.testing.assert_close(grads[1], grads[0])


def test_a_unit_reads_its_own_window_into_its_own_pixel() -> None:
    layer = LocallyConnected((2, 3, 4), channels=5)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        unit = (1 * 4 + 2) * 5 + 3  # row 1, column 2, channel 3
        layer.weight[unit, 1, 0, 2] = 10  # of channel 1: the pixel above and to the right, at (0, 3)
        layer.bias[unit] = 7
    inputs = torch.zeros(1, 2, 3, 4)
    inputs[0, 1, 0, 3] = 0.5
    want = torch.zeros(1, 5, 3, 4)
    want[0, 3, 1, 2] = 12
    assert torch.equal(layer(inputs), want)


@pytest.mark.parametrize(("side", "ratio"), [(8, 64), (32, 1024)])
def test_untying_multiplies_the_weights_by_the_places(side: int, ratio: int) -> None:
    local, conv = LocallyConnected((3, side, side), 4), nn.Conv2d(3, 4, 3)
    assert local.weight.numel() == ratio * conv.weight.numel() == ratio * 108
    assert local.bias.numel() == ratio * 4


def test_a_convolution_moves_with_its_input_and_a_local_layer_does_not() -> None:
    conv = nn.Conv2d(1, 2, 3, padding=1)
    local, shared = LocallyConnected((1, 6, 8), 2, bias=False), copied(conv, 6, 8)
    inputs = torch.randn(1, 1, 6, 8)
    inside = (..., slice(2, -1))  # columns whose windows see neither border, before and after
    for layer in (conv, shared):
        torch.testing.assert_close(layer(shifted(inputs))[inside], shifted(layer(inputs))[inside])
    assert (local(shifted(inputs)) - shifted(local(inputs)))[inside].abs().min() > 0


def test_dense_with_an_unrolled_convolution_is_that_convolution() -> None:
    conv = nn.Conv2d(2, 3, 3, padding=1)
    layer = dense_map((2, 4, 5), (3, 4, 5), bias=True)
    basis = torch.eye(40).view(40, 2, 4, 5)
    with torch.no_grad():
        layer.linear.weight.copy_(F.conv2d(basis, conv.weight, padding=1).flatten(1).T)
        layer.linear.bias.copy_(conv.bias.repeat_interleave(20))
    inputs = torch.randn(6, 2, 4, 5)
    torch.testing.assert_close(layer(inputs), conv(inputs))


def test_values_begin_as_a_convolutions_do() -> None:
    torch.manual_seed(0)
    layer, conv = LocallyConnected((4, 16, 16), 8), nn.Conv2d(4, 256 * 8, 3)
    bound = 1 / math.sqrt(4 * 9)
    for mine, torchs in [(layer.weight, conv.weight), (layer.bias, conv.bias)]:
        assert 0.99 * bound < mine.abs().max() <= bound
        assert mine.std().item() == pytest.approx(torchs.std().item(), rel=0.05)
        assert mine.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_a_penalty_finds_the_weight_and_spares_the_bias() -> None:
    layer = LocallyConnected((1, 2, 2), 3)
    ((name, weight),) = regularized_weights(layer)
    assert name == "weight"
    assert weight is layer.weight


def test_it_costs_the_operations_of_a_convolution() -> None:
    layer = LocallyConnected((3, 8, 8), 4)
    with FlopCounterMode(display=False) as counter:
        layer(torch.randn(2, 3, 8, 8))
    assert (
        counter.get_total_flops() == 2 * 2 * 64 * 4 * 27
    )  # multiply and add, rows, places, channels, window


def test_its_second_derivatives_exist() -> None:
    layer = LocallyConnected((1, 3, 3), 2).double()
    inputs = torch.randn(2, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x).tanh(), (inputs,))
    assert torch.autograd.gradgradcheck(lambda x: layer(x).tanh(), (inputs,))


@pytest.mark.parametrize(
    ("channels", "kernel", "said"),
    [
        (0, 3, "channels must be at least 1, got 0"),
        (1, 0, "kernel must be at least 1, got 0"),
        (1, 2, "kernel must be odd, got 2"),
    ],
)
def test_sizes_that_cannot_be_are_refused(channels: int, kernel: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LocallyConnected((1, 4, 4), channels, kernel)


def test_inputs_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"each of the inputs must have shape \(1, 2, 6\), got \(1, 6, 2\)"):
        LocallyConnected((1, 2, 6), 3)(torch.zeros(5, 1, 6, 2))
