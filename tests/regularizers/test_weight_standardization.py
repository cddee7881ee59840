"""Weight standardization: by hand, beside timm's layers, and what it makes of scales and gradients."""

import pytest
import torch
from timm.layers import ScaledStdConv2d, StdConv2d
from torch import nn

from regbench.regularizers.weight_standardization import WeightStandardization


def standardized(model, scale="unit", eps=1e-5, layers="conv"):
    reg = WeightStandardization(layers, scale, eps)
    reg.prepare_model(model)
    reg.prepare_optimizer(None)
    model.said = reg.note()
    return model


def test_a_filter_by_hand():
    model = nn.Sequential(nn.Conv1d(1, 2, 2), nn.BatchNorm1d(2))
    model[0].weight.data = torch.tensor([[[1.0, 5.0]], [[2.0, 2.0]]])
    standardized(model, eps=1e-12)
    # mean 3, deviations -2 and 2, variance 4; a constant filter has none
    torch.testing.assert_close(model[0].weight, torch.tensor([[[-1.0, 1.0]], [[0.0, 0.0]]]))


@pytest.mark.parametrize(("scale", "theirs"), [("unit", StdConv2d), ("fan_in", ScaledStdConv2d)])
def test_outputs_and_gradients_agree_with_timm(scale, theirs):
    torch.manual_seed(0)
    other = theirs(4, 6, 3, padding=1, groups=2, bias=True, eps=1e-3).double()
    layer = nn.Conv2d(4, 6, 3, padding=1, groups=2).double()
    layer.load_state_dict({name: other.state_dict()[name] for name in ("weight", "bias")})
    standardized(layer, scale, 1e-3)
    inputs = torch.randn(2, 4, 5, 5).double()
    for each in (layer, other):
        each(inputs).exp().mean().backward()
    torch.testing.assert_close(layer(inputs), other(inputs))
    torch.testing.assert_close(layer.parametrizations.weight.original.grad, other.weight.grad)


def test_scale_and_shift_of_a_filter_are_free_and_its_gradient_is_orthogonal_to_both():
    layer = nn.Conv2d(3, 4, 3).double()
    standardized(layer, "fan_in", 1e-12)
    original = layer.parametrizations.weight.original
    before = layer.weight.detach().clone()
    layer(torch.randn(2, 3, 5, 5).double()).exp().sum().backward()
    gradient, flat = original.grad.flatten(1), original.detach().flatten(1)
    torch.testing.assert_close(gradient.sum(1), torch.zeros(4).double())
    torch.testing.assert_close((gradient * flat).sum(1), torch.zeros(4).double(), rtol=0, atol=1e-6)
    with torch.no_grad():
        original.mul_(torch.tensor([1.0, 2.0, 3.0, 0.5]).double().view(4, 1, 1, 1)).add_(7)
    torch.testing.assert_close(layer.weight.detach(), before, rtol=1e-6, atol=1e-8)


def test_a_tied_filter_is_standardized_at_both_of_its_places():
    model = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3))
    model[1].weight = model[0].weight
    standardized(model, "fan_in", 1e-12)
    for layer in model:
        torch.testing.assert_close(layer.weight.flatten(1).norm(dim=1), torch.ones(2))


def test_a_transposed_convolution_is_standardized_by_output_channels():
    layer = nn.ConvTranspose2d(2, 6, 3, groups=2)
    standardized(layer, "fan_in", 1e-12)
    units = layer.weight.detach().unflatten(0, (2, 1)).transpose(1, 2).flatten(0, 1).flatten(1)
    torch.testing.assert_close(units.mean(1), torch.zeros(6), rtol=0, atol=1e-6)
    torch.testing.assert_close(units.norm(dim=1), torch.ones(6))


def test_dense_layers_and_filters_of_one_value_are_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 1, groups=2), nn.Flatten(), nn.Linear(2, 2))
    kept = [model[i].weight.detach().clone() for i in (1, 3)]
    standardized(model, "fan_in")
    assert hasattr(model[0], "parametrizations")
    assert all(torch.equal(model[i].weight, old) for i, old in zip((1, 3), kept, strict=True))


def test_auto_asks_whether_there_is_a_normalization():
    """The length of a filter of 9 values is 3 at variance 1, and 1 by fan-in."""
    with_one, without = (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)),
        nn.Sequential(nn.Conv2d(1, 2, 3)),
    )
    for model, length, said in (
        (with_one, 3.0, "scale auto means unit: the model has a normalization"),
        (without, 1.0, "scale auto means fan_in: the model has no normalization"),
    ):
        standardized(model, "auto", 1e-12)
        torch.testing.assert_close(model[0].weight.flatten(1).norm(dim=1), torch.full((2,), length))
        assert model.said == said
    said = "no normalization takes off what scale unit adds: activations grow in each layer"
    assert standardized(nn.Sequential(nn.Conv2d(1, 2, 3))).said == said
    assert standardized(nn.Sequential(nn.Conv2d(1, 2, 3)), "fan_in").said == ""


@pytest.mark.parametrize("normal", [True, False])
def test_auto_is_the_same_where_no_optimizer_is_prepared(normal):
    """As where a trained model is loaded, also if a later member brings the normalization."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3))
    WeightStandardization("conv", "auto", 1e-12).prepare_model(model)
    if normal:
        model.append(nn.BatchNorm2d(2))
    lengths = model[0].weight.flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((2,), 3.0 if normal else 1.0))


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"^eps must be above 0, got 0.0$"):
        WeightStandardization("conv", "unit", 0.0)
    with pytest.raises(
        ValueError, match=r"^Linear has no convolution to standardize, as models of images have$"
    ):
        standardized(nn.Linear(2, 2))


def test_none_does_nothing():
    assert not hasattr(standardized(nn.Conv2d(1, 2, 3), layers="none"), "parametrizations")
