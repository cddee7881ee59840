"""Learned noise on weights: Gaussian dropout at fixed rates, and the divergence by numerical integration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from regbench.models.rnn import RNN
from regbench.regularizers.gaussian_dropout import GaussianDropout
from regbench.regularizers.kingma_dropout import KingmaDropout, LearnedNoise
from regbench.streams import Clock, Stream
from regbench.types import Batch, ForwardPass


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(27, 4))


def member(rows: int = 50, **fields: Any) -> KingmaDropout:
    made = KingmaDropout(**({"p": 0.2, "rates": "unit", "strength": 1.0, "ramp": 0.0} | fields))
    made.stream = Stream(0, "noise", Clock())
    made.train_rows = rows
    return made


def forward(model: nn.Module) -> ForwardPass:
    return ForwardPass(model, Batch(torch.zeros(1, 1), torch.ones(1, 1)), torch.zeros(1, 1), ())


@pytest.mark.parametrize("rates", ["layer", "unit", "weight"])
def test_at_the_rates_of_the_start_it_is_gaussian_dropout_of_the_weights(rates: str) -> None:
    other = GaussianDropout(p=0.2, target="weight", per="example", where="default")
    other.stream = Stream(0, "noise", Clock())
    inputs = torch.randn(6, 2, 5, 5)
    found, wanted = member(rates=rates).prepare_model(plain())(inputs), other.prepare_model(plain())(inputs)
    torch.testing.assert_close(found, wanted)
    assert not torch.allclose(found, plain()(inputs))


def test_a_tied_weight_has_noise_at_both_of_its_places_and_rates_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    inputs = torch.ones(2, 3)
    clean = model[0](inputs).detach()
    made = member(p=0.2)
    made.prepare_model(model)
    assert all((layer(inputs) != clean).all() for layer in model)
    assert len(list(model.parameters())) == 2
    alone = member(p=0.2)
    alone.prepare_model(nn.Sequential(nn.Linear(3, 3)))
    assert torch.equal(made.penalty(forward(model)), alone.penalty(forward(model)))  # 9 weights, once


def test_of_recurrent_models_the_dense_layers_have_noise_and_their_other_weights_have_none() -> None:
    model = member().prepare_model(RNN((5,), 3, 9, "lstm", 4, 4, 1))
    assert [name for name, part in model.named_modules() if isinstance(part, LearnedNoise)] == [
        "head.learned_noise"
    ]


def test_outputs_have_the_variance_of_their_own_rate() -> None:
    # v = (1, -2), w = (3, 1) and (0.5, 2): (alpha w^2) v^2 is 0.1 (9 + 4) = 1.3 and 0.4 (0.25 + 16) = 6.5
    layer = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        layer[0].weight.copy_(torch.tensor([[3.0, 1.0], [0.5, 2.0]]))
    model = member().prepare_model(layer)
    with torch.no_grad():
        model[0].learned_noise.log_alpha.copy_(torch.tensor([[0.1], [0.4]]).log())
    outputs = model(torch.tensor([[1.0, -2.0]]).expand(40_000, 2)).detach()
    expected = torch.tensor([1.0, -3.5]) + layer[0].bias.detach()
    torch.testing.assert_close(outputs.mean(0), expected, rtol=0, atol=0.07)
    torch.testing.assert_close(outputs.var(0), torch.tensor([1.3, 6.5]), rtol=0.04, atol=0)


def mean_log_size(alpha: float) -> float:
    """E[log |e|] for e ~ N(1, alpha): by a fine sum that leaves the singular point between two of its own."""
    width = 16 * alpha**0.5 / 2_000_000
    grid = 1 - 8 * alpha**0.5 + (np.arange(2_000_000) + 0.5) * width
    density = np.exp(-((grid - 1) ** 2) / (2 * alpha)) / np.sqrt(2 * np.pi * alpha)
    return float((density * np.log(np.abs(grid) + 1e-300)).sum() * width)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 0.8])
def test_the_divergence_is_that_from_a_log_uniform_prior(alpha: float) -> None:
    """KL = -0.5 log(alpha) + E[log |e|] + constant, e ~ N(1, alpha); the paper's polynomial is near."""
    noise = LearnedNoise(torch.zeros(1, 1), 0.5, "weight", Stream(0, "noise", Clock()))
    with torch.no_grad():
        noise.log_alpha.fill_(math.log(alpha))
    exact = -0.5 * math.log(alpha) + mean_log_size(alpha) - mean_log_size(1.0)
    assert noise.divergence().item() == pytest.approx(exact, abs=0.02)


def test_the_divergence_and_its_gradient_by_hand() -> None:
    # at alpha 0.5: 0.5 log 2 + c1 (1 - 0.5) + c2 (1 - 0.25) + c3 (1 - 0.125),
    # 0.3466 + 0.5807 - 1.1265 + 0.5130;
    # d / d log(alpha) = -0.5 - c1 0.5 - 2 c2 0.25 - 3 c3 0.125 = -0.5 - 0.5807 + 0.7510 - 0.2199
    made = member(rows=50, rates="layer", strength=0.3)
    model = made.prepare_model(nn.Sequential(nn.Linear(5, 4)))
    rate = model[0].learned_noise.log_alpha
    with torch.no_grad():
        rate.fill_(math.log(0.5))
    value = made.penalty(forward(model))
    assert value is not None
    value.backward()
    weights = 20 * 0.3 / 50
    assert value.item() == pytest.approx(weights * 0.3138, abs=1e-4)
    assert rate.grad.item() == pytest.approx(weights * -0.5496, abs=1e-4)


def test_rates_count_as_many_weights_as_they_stand_for() -> None:
    values = []
    for rates in ("layer", "unit", "weight"):
        made = member(rates=rates)
        values.append(made.penalty(forward(made.prepare_model(plain()))).item())  # type: ignore[union-attr]
    assert values == pytest.approx([values[0]] * 3)
    assert values[0] > 0


def test_rates_learn_from_the_data_and_stay_at_most_one() -> None:
    made = member(strength=0.0)
    model = made.prepare_model(plain())
    model(torch.randn(6, 2, 5, 5)).square().mean().backward()
    rates: list[Tensor] = [n.log_alpha for n in model.modules() if isinstance(n, LearnedNoise)]
    assert [tuple(rate.shape) for rate in rates] == [(3, 1, 1, 1), (4, 1)]
    assert all(rate.grad.abs().min() > 0 for rate in rates)
    with torch.no_grad():
        rates[0].fill_(0.7)
        rates[1].fill_(-0.7)
    made.edit_weights(model)
    assert rates[0].eq(0).all()
    assert rates[1].eq(-0.7).all()
    assert made.metrics(model)["alpha"] == pytest.approx((1 + math.exp(-0.7)) / 2)


def test_a_rate_goes_where_noise_costs_what_the_divergence_gains() -> None:
    """A weight of 1 on an input of 1 costs alpha by its squared noise, and gains (D(alpha) - D(1)) / N.

    The least is where alpha = (0.5 + c1 alpha + 2 c2 alpha^2 + 3 c3 alpha^3) / N: at N = 5 at 0.1198.
    """
    made = member(rows=5)
    layer = nn.Sequential(nn.Linear(1, 1, bias=False))
    nn.init.ones_(layer[0].weight)
    model = made.prepare_model(layer)
    rate = model[0].learned_noise.log_alpha
    alpha = 0.1198
    slope = 0.5 + 1.16145124 * alpha - 2 * 1.50204118 * alpha**2 + 3 * 0.58629921 * alpha**3
    assert alpha == pytest.approx(slope / 5, abs=1e-4)
    for _ in range(400):
        loss = (model(torch.ones(2000, 1)) - 1).square().mean() + made.penalty(forward(model))
        (gradient,) = torch.autograd.grad(loss, [rate])
        with torch.no_grad():
            rate -= 0.2 * gradient
    assert rate.exp().item() == pytest.approx(alpha, rel=0.05)


def test_evaluation_is_the_plain_model_to_the_bit() -> None:
    inputs = torch.randn(6, 2, 5, 5)
    model = member().prepare_model(plain()).eval()
    assert torch.equal(model(inputs), plain()(inputs))


def test_a_vanishing_start_is_the_plain_model() -> None:
    inputs = torch.randn(6, 2, 5, 5)
    torch.testing.assert_close(member(p=1e-12).prepare_model(plain())(inputs), plain()(inputs))


def test_the_divergence_comes_in_over_the_ramp() -> None:
    made = member(ramp=0.5)
    model = made.prepare_model(plain())
    values = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        made.begin_step(progress)
        values.append(made.penalty(forward(model)).item())  # type: ignore[union-attr]
    whole = member()
    expected = whole.penalty(forward(whole.prepare_model(plain()))).item()  # type: ignore[union-attr]
    assert values == pytest.approx([0, expected / 2, expected, expected])
    assert made.follows_length
    assert not whole.follows_length


def test_every_forward_pass_and_every_moment_has_noise_of_its_own() -> None:
    inputs = torch.randn(6, 2, 5, 5)
    model = member().prepare_model(plain())
    first = model(inputs)
    assert not torch.equal(model(inputs), first)
    assert torch.equal(member().prepare_model(plain())(inputs), first)
    moved = member()
    moved.stream = Stream(0, "noise", Clock(step=1))
    assert not torch.equal(moved.prepare_model(plain())(inputs), first)


def test_works_in_bfloat16() -> None:
    inputs = torch.randn(6, 2, 5, 5)
    wanted = member().prepare_model(plain())(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = member().prepare_model(plain())(inputs)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=0, atol=0.06)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"p": 0.6}, r"p must lie in \[0, 0.5\], got 0.6"),
        ({"strength": -1.0}, "strength must be at least 0, got -1.0"),
        ({"ramp": 1.5}, r"ramp must lie in \[0, 1\], got 1.5"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        member(**fields)


def test_refuses_to_learn_the_same_noise_twice() -> None:
    model = member().prepare_model(plain())
    with pytest.raises(ValueError, match=r"^another member learns the noise of 0\.weight already; keep one$"):
        member().prepare_model(model)


def test_refuses_a_model_without_such_layers() -> None:
    with pytest.raises(ValueError, match=r"^Flatten has no dense layers or convolutions to put noise on$"):
        member().prepare_model(nn.Flatten())
