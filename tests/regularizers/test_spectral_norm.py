"""Spectral normalization: beside torch's singular values, and beside its own normalization."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.parametrize import register_parametrization

from regbench.nn.weight_noise import MaskedWeight
from regbench.regularizers.spectral_norm import SpectralNorm
from regbench.regularizers.weight_standardization import WeightStandardization
from regbench.streams import Clock, Stream


def normalized(model, bound=1.0, iterations=1):
    reg = SpectralNorm(bound, iterations)
    reg.stream = Stream(0, "spectral_norm", Clock())
    reg.prepare_model(model)
    return reg


def matrix(weight):
    return weight.detach().flatten(1)


@pytest.mark.parametrize("make", [lambda: nn.Linear(5, 7), lambda: nn.Conv2d(4, 6, 3, groups=2)])
@pytest.mark.parametrize("bound", [1.0, 2.5])
def test_the_largest_singular_value_is_the_bound(make, bound):
    layer = make().double()
    before = layer.weight.detach().clone()
    reg = normalized(layer, bound)
    for _ in range(200):
        reg.edit_weights(layer)
    assert torch.linalg.matrix_norm(matrix(layer.weight), 2).item() == pytest.approx(bound)
    ratio = layer.weight.detach() / before  # the weight is the same but for its scale
    torch.testing.assert_close(ratio, torch.full_like(ratio, ratio.flatten()[0].item()))


def test_a_transposed_convolution_is_a_matrix_of_its_output_channels():
    layer = nn.ConvTranspose2d(4, 6, 3)
    reg = normalized(layer)
    for _ in range(200):
        reg.edit_weights(layer)
    flat = layer.weight.detach().transpose(0, 1).flatten(1)
    assert torch.linalg.matrix_norm(flat, 2).item() == pytest.approx(1, rel=1e-4)


def test_weight_and_gradient_agree_with_torch_once_the_directions_have_settled():
    torch.manual_seed(0)
    ours, theirs = nn.Linear(5, 7).double(), nn.Linear(5, 7).double()
    theirs.load_state_dict(ours.state_dict())
    reg, theirs = normalized(ours, iterations=300), spectral_norm(theirs, n_power_iterations=300).train()
    reg.edit_weights(ours)
    inputs = torch.randn(3, 5).double()
    for layer in (ours, theirs):
        layer(inputs).exp().sum().backward()
    torch.testing.assert_close(ours.weight, theirs.weight)
    one, other = (layer.parametrizations.weight.original.grad for layer in (ours, theirs))
    torch.testing.assert_close(one, other)


def test_a_tied_weight_has_the_bound_at_both_of_its_places():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)).double()
    model[1].weight = model[0].weight
    reg = normalized(model, 0.5)
    for _ in range(200):
        reg.edit_weights(model)
    for layer in model:
        assert torch.linalg.matrix_norm(layer.weight.detach(), 2).item() == pytest.approx(0.5)
    assert model[0].parametrizations.weight.original is model[1].parametrizations.weight.original


@pytest.mark.parametrize("first", ["spectral_norm", "weight_standardization"])
def test_refuses_a_weight_that_is_standardized_in_either_order(first):
    """Of a filter of mean 0 and variance 1, its spectral norm is not the bound."""
    standardization = WeightStandardization("conv", "fan_in", 1e-5)
    spectral = SpectralNorm(1.0, 1)
    spectral.stream = Stream(0, "spectral_norm", Clock())
    members = [spectral, standardization]
    model = nn.Sequential(nn.Conv2d(1, 2, 3))
    one, other = members if first == "spectral_norm" else members[::-1]
    one.prepare_model(model)
    with pytest.raises(ValueError, match=r"^another member sets the scale of 0.weight already; keep one$"):
        other.prepare_model(model)


def test_one_iteration_by_hand():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    reg = normalized(layer)
    part = layer.parametrizations.weight[0]
    part.left.copy_(torch.tensor([0.6, 0.8]))
    reg.edit_weights(layer)
    # v ~ (1.2, 0.8), u ~ (2.4, 0.8)
    expected_v, expected_u = torch.tensor([3.0, 2.0]) / 13**0.5, torch.tensor([3.0, 1.0]) / 10**0.5
    torch.testing.assert_close(part.right, expected_v)
    torch.testing.assert_close(part.left, expected_u)
    # u^T W v = (3 * 2 * 3 + 1 * 1 * 2) / sqrt(130)
    assert part.largest(layer.parametrizations.weight.original).item() == pytest.approx(20 / 130**0.5)


def test_forward_passes_move_nothing_in_training_and_in_evaluation():
    layer = nn.Linear(4, 4)
    normalized(layer)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    outputs = [layer.train(mode)(torch.ones(2, 4)) for mode in (True, True, False)]
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_a_shorter_average_of_directions_gives_the_same_value():
    layer = nn.Linear(4, 4)
    normalized(layer)
    before = layer.weight.detach().clone()
    layer.parametrizations.weight[0].left.mul_(0.7)
    torch.testing.assert_close(layer.weight.detach(), before)


def test_scaling_the_weight_changes_nothing():
    layer = nn.Linear(4, 4)
    normalized(layer)
    before = layer.weight.detach().clone()
    layer.parametrizations.weight.original.data.mul_(3)
    torch.testing.assert_close(layer.weight.detach(), before)


def test_says_where_the_singular_values_begin():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor([[2.0, 0.0], [0.0, 0.5]])
    assert normalized(layer).note() == "the largest singular values begin at 2 to 2"


def test_refuses_what_it_cannot_do_and_does_nothing_without_a_bound():
    with pytest.raises(ValueError, match=r"^bound must be above 0, got 0.0$"):
        SpectralNorm(0.0, 1)
    with pytest.raises(ValueError, match=r"^iterations must be at least 1, got 0$"):
        SpectralNorm(1.0, 0)
    with pytest.raises(ValueError, match=r"^LayerNorm has no weights to normalize$"):
        normalized(nn.LayerNorm(2))
    layer = nn.Linear(2, 2)
    nn.init.zeros_(layer.weight)
    with pytest.raises(
        ValueError, match=r"^weight must not begin with zeros alone, which have no direction$"
    ):
        normalized(layer)
    with pytest.raises(ValueError, match=r"^weight must have no weight normalization of its own, got one$"):
        normalized(weight_norm(nn.Linear(2, 2)))
    normalized(layer, None)
    assert not hasattr(layer, "parametrizations")


class Columns(nn.Module):
    """A parametrization of a person's: columns of other lengths than those of the parameter."""

    def forward(self, weight):
        return weight * torch.arange(1.0, weight.shape[1] + 1)


def test_of_a_weight_that_is_parametrized_already_what_comes_of_it_is_divided():
    torch.manual_seed(0)
    layer = nn.Linear(5, 7)
    register_parametrization(layer, "weight", Columns())
    reg = normalized(layer)
    for _ in range(200):
        reg.edit_weights(layer)
    assert torch.linalg.matrix_norm(matrix(layer.weight), 2).item() == pytest.approx(1, rel=1e-4)


def test_noise_that_another_member_puts_on_a_weight_is_not_in_the_directions():
    torch.manual_seed(0)
    layer = nn.Linear(5, 7)
    largest = torch.linalg.matrix_norm(matrix(layer.weight), 2).item()
    register_parametrization(layer, "weight", MaskedWeight(0.5, Stream(0, "dropconnect", Clock()), "weight"))
    reg = normalized(layer)
    assert float(reg.note().split()[6]) == pytest.approx(largest, rel=0.01)
    layer.eval()
    assert torch.linalg.matrix_norm(matrix(layer.weight), 2).item() == pytest.approx(1, rel=0.01)
