"""Gradient noise: its variance, its draws, and the walk that it makes of weights."""

import pytest
import torch
from torch import nn

from regbench.regularizers.gradient_noise import GradientNoise
from regbench.streams import Clock, Stream


def bound(eta, gamma, clock=None):
    reg = GradientNoise(eta, gamma)
    reg.stream = Stream(0, "gradient_noise", clock or Clock())
    return reg


def noise(reg, model):
    """What the member adds to gradients of zero."""
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    reg.edit_gradients(model)
    return [weight.grad.clone() for weight in model.parameters()]


@pytest.mark.parametrize(("step", "variance"), [(0, 0.3), (99, 0.3 / 100**0.55)])
def test_the_variance_follows_the_schedule(step, variance):
    reg = bound(0.3, 0.55, Clock(step))
    drawn = noise(reg, nn.Linear(400, 500, bias=False))[0]
    assert drawn.mean().item() == pytest.approx(0, abs=4 * (variance / 200_000) ** 0.5)
    assert drawn.var().item() == pytest.approx(variance, rel=4 * (2 / 200_000) ** 0.5)
    assert reg.deviation(step) == pytest.approx(variance**0.5)


def test_it_is_added_to_the_gradient():
    layer = nn.Linear(2, 1)
    alone = noise(bound(0.01, 0.55), layer)
    for weight in layer.parameters():
        weight.grad = torch.ones_like(weight)
    bound(0.01, 0.55).edit_gradients(layer)
    for weight, added in zip(layer.parameters(), alone, strict=True):
        torch.testing.assert_close(weight.grad, 1 + added)


def test_weights_and_steps_have_draws_of_their_own_and_passes_have_not():
    model, clock = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)), Clock()
    reg = bound(0.01, 0.55, clock)
    first = noise(reg, model)
    assert not torch.equal(first[0], first[1])
    clock.passes, clock.micro = 1, 3
    assert all(map(torch.equal, noise(reg, model), first))
    clock.step = 1
    second = noise(reg, model)
    assert not torch.allclose(
        second[0], first[0] * 2 ** (-0.55 / 2)
    )  # the same draw, of that step's variance


def test_noise_alone_makes_a_random_walk_of_known_length():
    layer, clock, lr = nn.Linear(100, 100, bias=False), Clock(), 0.5
    start, reg = layer.weight.detach().clone(), bound(0.2, 1.0, clock)
    optimizer = torch.optim.SGD(layer.parameters(), lr=lr)
    for clock.step in range(5):
        noise(reg, layer)
        optimizer.step()
    # lr^2 * 0.2 * (1 + 1/2 + 1/3 + 1/4 + 1/5)
    expected = 0.25 * 0.2 * 137 / 60
    walked = (layer.weight.detach() - start).square().mean().item()
    assert walked == pytest.approx(expected, rel=4 * (2 / 10_000) ** 0.5)


def test_parameters_without_a_gradient_are_passed_over():
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.zeros_like(layer.weight)
    bound(0.01, 0.55).edit_gradients(layer)
    assert layer.bias.grad is None


def test_refuses_what_is_out_of_range_and_does_nothing_at_zero():
    with pytest.raises(ValueError, match=r"^eta must be at least 0, got -0.1$"):
        GradientNoise(-0.1, 0.55)
    with pytest.raises(ValueError, match=r"^gamma must be at least 0, got -1$"):
        GradientNoise(0.1, -1)
    assert noise(bound(0.0, 0.55), nn.Linear(2, 1))[0].tolist() == [[0.0, 0.0]]
