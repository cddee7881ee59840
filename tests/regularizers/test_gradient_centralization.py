"""Gradient centralization: by hand, as a projection, and what it keeps of the weights."""

import pytest
import torch
from torch import nn

from regbench.regularizers.gradient_centralization import GradientCentralization


def centralized(layer, layers="all"):
    reg = GradientCentralization(layers)
    reg.prepare_model(layer)
    reg.edit_gradients(layer)
    return layer


def test_each_row_loses_its_mean_and_the_bias_keeps_its_gradient():
    layer = nn.Linear(3, 2)
    layer.weight.grad = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, -3.0]])
    layer.bias.grad = torch.tensor([5.0, 7.0])
    centralized(layer)
    assert layer.weight.grad.tolist() == [[-2.0, -1.0, 3.0], [1.0, 1.0, -2.0]]
    assert layer.bias.grad.tolist() == [5.0, 7.0]


def test_it_is_the_projection_of_the_paper():
    """P = I - e e^T with e the unit vector of equal entries, for each filter."""
    layer = nn.Conv2d(2, 3, 2)
    layer.weight.grad = torch.randn(3, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    e = torch.full((8, 1), 8**-0.5)
    expected = layer.weight.grad.flatten(1) @ (torch.eye(8) - e @ e.T)
    torch.testing.assert_close(centralized(layer).weight.grad.flatten(1), expected, rtol=1e-5, atol=1e-6)


def test_a_transposed_convolution_is_centralized_by_output_channels():
    layer = nn.ConvTranspose2d(2, 2, 1)
    layer.weight.grad = torch.tensor([[1.0, 10.0], [3.0, 30.0]])[..., None, None]
    centralized(layer)
    assert layer.weight.grad[..., 0, 0].tolist() == [[-1.0, -10.0], [1.0, 10.0]]


def test_the_mean_of_a_units_weights_stays_under_momentum():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    before = [model[i].weight.detach().clone() for i in (0, 2)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    inputs = torch.randn(3, 4).double()
    for _ in range(5):
        optimizer.zero_grad()
        model(inputs).square().sum().backward()
        centralized(model)
        optimizer.step()
    for weight, old in zip((model[0].weight, model[2].weight), before, strict=True):
        assert not torch.equal(weight, old)
        torch.testing.assert_close(weight.mean(1), old.mean(1), rtol=1e-10, atol=1e-12)


def test_conv_leaves_dense_layers_alone_and_single_weights_are_never_touched():
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Linear(2, 2), nn.Linear(1, 2))
    for weight in model.parameters():
        weight.grad = torch.arange(1.0, 1 + weight.numel()).view(weight.shape)
    before = [weight.grad.clone() for weight in model.parameters()]

    def changed():
        pairs = zip(model.named_parameters(), before, strict=True)
        return [name for (name, weight), old in pairs if not torch.equal(weight.grad, old)]

    centralized(model, "conv")
    assert changed() == ["0.weight"]
    centralized(model, "all")
    assert changed() == ["0.weight", "1.weight"]


def test_refuses_a_model_without_such_layers():
    with pytest.raises(ValueError, match=r"^Linear has no convolutional layer to centralize$"):
        GradientCentralization("conv").prepare_model(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"^LayerNorm has no layer to centralize$"):
        GradientCentralization("all").prepare_model(nn.LayerNorm(2))


def test_none_does_nothing():
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[1.0, 3.0]])
    assert centralized(layer, "none").weight.grad.tolist() == [[1.0, 3.0]]
