"""Weight noise: its first two moments, beside noisy weights of each example, and by hand."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from regbench.nn.recurrence import Recurrence
from regbench.regularizers.weight_noise import WeightNoise
from regbench.streams import Clock, Stream


def noisy(model, std, per, clock=None):
    reg = WeightNoise(std, per)
    reg.stream = Stream(0, "weight_noise", clock or Clock())
    return reg.prepare_model(model).train()


def test_per_batch_adds_one_draw_to_the_weights_and_spares_the_bias():
    layer = nn.Linear(200, 300)
    clean, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    noisy(layer, 0.1, "batch")
    noise = (layer.weight - clean).detach()
    assert torch.equal(layer.weight, layer.weight)  # all readings of a pass
    assert noise.mean().item() == pytest.approx(0, abs=4 * 0.1 / 60_000**0.5)
    assert noise.var().item() == pytest.approx(0.01, rel=4 * (2 / 60_000) ** 0.5)
    assert torch.equal(layer.bias, bias)
    assert torch.equal(layer.parametrizations.weight.original, clean)


def test_each_pass_step_and_place_has_a_draw_of_its_own():
    clock = Clock()
    model = noisy(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), 0.1, "batch", clock)
    for layer in model:
        nn.init.zeros_(layer.parametrizations.weight.original)
    seen = [model[0].weight, model[1].weight]
    clock.passes = 1
    seen.append(model[0].weight)
    clock.passes, clock.step = 0, 1
    seen.append(model[0].weight)
    assert all(not torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


def test_a_tied_weight_has_one_draw_at_both_of_its_places():
    clean = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    clean[1].weight = clean[0].weight
    before = clean[0].weight.detach().clone()
    model = noisy(clean, 0.1, "batch")
    assert torch.equal(model[0].weight, model[1].weight)
    assert not torch.allclose(model[1].weight, before)
    assert len(list(model.parameters())) == 1


def test_each_place_of_a_tied_weight_has_noise_of_its_own_at_each_example():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    inputs = torch.ones(2, 3)
    clean = model[0](inputs).detach()
    noisy(model, 0.1, "example")
    one, other = model[0](inputs) - clean, model[1](inputs) - clean
    assert (one != 0).all()
    assert (other != 0).all()
    assert not torch.allclose(one, other)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(6, 5), (3, 6)),
        (nn.Linear(6, 5), (3, 4, 6)),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (3, 4, 5, 5)),
        (nn.Conv1d(2, 3, 2, dilation=2), (3, 2, 7)),
    ],
    ids=str,
)
def test_per_example_has_the_moments_of_outputs_under_noisy_weights(layer, shape):
    """Against weights that are drawn anew 20,000 times: one example, so that its draw is the batch's."""
    torch.manual_seed(0)
    inputs, std, count = torch.randn(shape)[:1], 0.3, 20_000
    weight = layer.weight.detach().clone()
    with torch.no_grad():
        clean = layer(inputs)
        sums, squares = torch.zeros_like(clean), torch.zeros_like(clean)
        for _ in range(count // 10):
            layer.weight.copy_(weight + std * torch.randn_like(weight))
            off = layer(inputs) - clean
            sums, squares = sums + off, squares + off.square()
        layer.weight.copy_(weight)
        drawn = squares / (count // 10)
        layer = noisy(layer, std, "example")
        many = layer(inputs.expand(count, *shape[1:])) - clean
    torch.testing.assert_close(many.mean(0), torch.zeros_like(clean[0]), rtol=0, atol=0.05)
    torch.testing.assert_close(many.var(0), drawn[0], rtol=0.2, atol=1e-3)


def test_the_variance_of_an_output_by_hand():
    layer = nn.Linear(2, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    noisy(layer, 0.5, "example")
    outputs = layer(torch.tensor([[3.0, 4.0]]).expand(50_000, 2))
    # 0.5^2 * (3^2 + 4^2)
    assert outputs.var().item() == pytest.approx(6.25, rel=4 * (2 / 50_000) ** 0.5)


@pytest.mark.parametrize("per", ["example", "batch"])
def test_evaluation_computes_without_noise(per):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    inputs = torch.randn(3, 1, 4, 4)
    clean = model(inputs)
    noisy(model, 0.5, per)
    assert not torch.equal(model(inputs), clean)
    assert torch.equal(model.eval()(inputs), clean)


def test_recurrent_weights_are_noisy_too_by_one_draw_a_pass():
    layer = noisy(Recurrence("gru", 2, 3), 0.1, "example")
    assert parametrize.is_parametrized(layer, "weight_ih")
    assert parametrize.is_parametrized(layer, "weight_hh")
    assert torch.equal(layer.weight_hh, layer.weight_hh)


def test_says_how_strong_noise_is_that_a_batch_shares():
    """As the p of dropout: variance p / (1 - p) relative to the weights' squares, 1 at p = 1/2."""
    for per, p in (("batch", 0.5), ("example", 0.0)):
        layer, reg = nn.Linear(3, 2), WeightNoise(0.2, per)
        reg.stream = Stream(0, "weight_noise", Clock())
        nn.init.constant_(layer.weight, -0.2)
        reg.prepare_model(layer)
        assert reg.shared_noise() == pytest.approx(p)


def test_the_gradient_is_that_at_the_noisy_weights():
    layer = nn.Linear(2, 1, bias=False)
    noisy(layer, 0.5, "batch")
    used = layer.weight.detach()
    layer(torch.tensor([[1.0, 2.0]])).square().sum().backward()
    output = used @ torch.tensor([1.0, 2.0])
    expected = 2 * output * torch.tensor([[1.0, 2.0]])
    torch.testing.assert_close(layer.parametrizations.weight.original.grad, expected)


def test_refuses_what_it_cannot_do_and_does_nothing_at_zero():
    with pytest.raises(ValueError, match=r"^std must be at least 0, got -0.1$"):
        WeightNoise(-0.1, "batch")
    with pytest.raises(ValueError, match=r"^LayerNorm has no weights to put noise on$"):
        noisy(nn.LayerNorm(2), 0.1, "batch")
    layer = nn.Linear(2, 2)
    assert noisy(layer, 0.0, "batch") is layer
    assert not parametrize.is_parametrized(layer)
