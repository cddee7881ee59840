"""Orthogonality: by hand, its gradient in closed form, and its zeros."""

import pytest
import torch
from torch import nn

from regbench.regularizers.orthogonal import Orthogonal
from regbench.types import ForwardPass


def penalty(model, strength=1.0, form="soft"):
    reg = Orthogonal(strength, form)
    reg.prepare_model(model)
    return reg.penalty(ForwardPass(model, None, None, ()))


def dense(*rows):
    layer = nn.Linear(len(rows[0]), len(rows))
    layer.weight.data = torch.tensor(rows)
    return layer


@pytest.mark.parametrize(
    ("form", "value"),
    [
        # W W^T = [[5, 4], [4, 4]]: 4^2 + 4^2 + 4^2 + 3^2
        ("soft", 57.0),
        ("off_diagonal", 32.0),
        # W^T W = [[1, 2, 0], [2, 8, 0], [0, 0, 0]]: 0 + 4 + 4 + 49 + 1 more
        ("double", 57.0 + 58.0),
    ],
)
def test_by_hand_and_of_both_shapes_alike(form, value):
    wide = dense([1.0, 2.0, 0.0], [0.0, 2.0, 0.0])
    tall = dense([1.0, 0.0], [2.0, 2.0], [0.0, 0.0])
    assert penalty(wide, 0.5, form).item() == pytest.approx(0.5 * value)
    assert penalty(tall, 0.5, form).item() == pytest.approx(0.5 * value)
    assert penalty(nn.Sequential(wide, nn.ReLU(), tall), 1.0, form).item() == pytest.approx(2 * value)


def test_double_is_the_sum_of_both_products():
    weight = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).double()
    layer = nn.Linear(5, 3).double()
    layer.weight.data = weight
    both = [(weight @ weight.T - torch.eye(3)), (weight.T @ weight - torch.eye(5))]
    expected = sum(each.square().sum() for each in both)
    torch.testing.assert_close(penalty(layer, form="double").detach(), expected)


def test_the_gradient_is_four_times_what_is_away_times_the_weight():
    layer = nn.Linear(5, 3).double()
    penalty(layer, 0.1).backward()
    weight = layer.weight.detach()
    away = weight @ weight.T - torch.eye(3).double()
    torch.testing.assert_close(layer.weight.grad, 0.4 * away @ weight)
    assert layer.bias.grad is None


@pytest.mark.parametrize("layer", [nn.Linear(5, 3), nn.Linear(3, 5), nn.Conv2d(2, 4, 3)], ids=str)
@pytest.mark.parametrize("form", ["soft", "off_diagonal"])
def test_an_orthogonal_weight_costs_nothing(layer, form):
    nn.init.orthogonal_(layer.weight)
    assert penalty(layer, form=form).item() == pytest.approx(0, abs=1e-9)
    if form == "off_diagonal" and layer.weight.shape[0] <= layer.weight[0].numel():
        layer.weight.data *= torch.arange(1.0, 1 + len(layer.weight)).view(-1, *[1] * (layer.weight.ndim - 1))
        assert penalty(layer, form=form).item() == pytest.approx(0, abs=1e-6)  # lengths are free


def test_descent_ends_at_an_orthogonal_matrix():
    layer = nn.Linear(6, 4)
    optimizer = torch.optim.SGD([layer.weight], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        penalty(layer).backward()
        optimizer.step()
    torch.testing.assert_close(layer.weight @ layer.weight.T, torch.eye(4), rtol=0, atol=1e-4)


def test_a_transposed_convolution_is_a_matrix_of_its_output_channels():
    layer = nn.ConvTranspose2d(1, 2, 1)
    layer.weight.data = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)  # two units of one value: W^T W = 2
    assert penalty(layer).item() == 1.0


def test_refuses_what_it_cannot_do_and_adds_nothing_at_zero():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -1$"):
        Orthogonal(-1, "soft")
    with pytest.raises(ValueError, match=r"^LayerNorm has no weights to be orthogonal$"):
        penalty(nn.LayerNorm(2))
    assert penalty(nn.Linear(2, 2), 0.0) is None
