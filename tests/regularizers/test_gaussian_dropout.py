import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from regbench.regularizers.gaussian_dropout import GaussianDropout, Noise, WeightNoise
from regbench.sites import Site
from regbench.streams import Clock, Stream
from regbench.weights import regularized_weights


class FixedNormal(Stream):
    """A stream whose every draw is the same number."""

    def __init__(self, value: float) -> None:
        super().__init__(0, "gaussian_dropout", Clock())
        self.value = value

    def at(self, site: str) -> Stream:
        return self

    def normal(self, shape: object, device: object = "cpu") -> Tensor:
        return torch.full(tuple(shape), self.value)


def make_noise(p: float, clock: Clock | None = None, site: str = "") -> Noise:
    return Noise(p, Stream(0, "gaussian_dropout", clock or Clock(), site))


def prepared(clock: Clock | None = None, **fields: object) -> nn.Module:
    member = GaussianDropout(
        **({"p": 0.5, "target": "activation", "per": "batch", "where": "default"} | fields)
    )
    member.stream = Stream(0, "gaussian_dropout", clock or Clock())
    torch.manual_seed(0)
    layers = (nn.Linear(4, 8), Site("hidden", (8,), body=nn.ReLU()), nn.BatchNorm1d(8), nn.Linear(8, 3))
    return member.prepare_model(nn.Sequential(*layers))


@pytest.mark.parametrize("per", ["batch", "example"])
def test_a_tied_weight_has_noise_at_both_of_its_places(per: str) -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    clean = model[0](torch.ones(2, 3)).detach()
    member = GaussianDropout(p=0.5, target="weight", per=per, where="default")
    member.stream = Stream(0, "gaussian_dropout", Clock())
    member.prepare_model(model)
    one, other = (layer(torch.ones(2, 3)) for layer in model)
    assert (one != clean).all()
    assert (other != clean).all()
    assert torch.equal(one, other) == (per == "batch")  # which is one draw of the weight


def test_one_draw_by_hand():
    # p = 0.2: sigma = sqrt(0.2 / 0.8) = 1/2, and a draw of -3 gives the factor 1 - 3/2
    assert Noise(0.2, FixedNormal(-3.0))(torch.tensor([4.0, -1.0])).tolist() == [-2.0, 0.5]


@pytest.mark.parametrize("p", [0.3, 0.5])
def test_mean_and_variance_are_those_of_inverted_dropout(p: float):
    count, trained = 100_000, make_noise(p)(torch.full((100_000,), 2.0)).double()
    variance = 4 * p / (1 - p)  # of 2 * m / q with m ~ Bernoulli(q)
    assert trained.mean().item() == pytest.approx(2, abs=5 * math.sqrt(variance / count))
    assert trained.var().item() == pytest.approx(variance, rel=0.03)


def test_a_share_of_16_percent_changes_sign_at_one_half():
    negative = (make_noise(0.5)(torch.ones(100_000)) < 0).double().mean().item()
    assert negative == pytest.approx(
        0.5 * math.erfc(1 / math.sqrt(2)), abs=0.006
    )  # Phi(-1 / sigma), sigma = 1


def test_evaluation_is_the_identity():
    inputs = torch.randn(5, 3)
    assert make_noise(0.9).eval()(inputs) is inputs


def test_every_example_and_every_element_has_noise_of_its_own():
    factors = make_noise(0.5)(torch.ones(20, 30))
    assert factors.unique().numel() == 600


def test_gradient_is_multiplied_by_the_same_factors():
    inputs = torch.full((50,), 3.0, requires_grad=True)
    outputs = make_noise(0.4)(inputs)
    outputs.sum().backward()
    torch.testing.assert_close(inputs.grad, outputs.detach() / 3)


def test_bfloat16_keeps_its_type_and_draws_finer_than_it():
    # the factor 1.003 would itself round to 1 in bfloat16, whose steps there are 1/128
    outputs = Noise(0.2, FixedNormal(0.006))(torch.tensor([1.3359375], dtype=torch.bfloat16))
    assert outputs.dtype == torch.bfloat16
    assert outputs.item() == 1.34375  # 1.3359375 * 1.003 = 1.33994...


def test_a_linear_layer_on_noisy_inputs_is_penalized_like_ridge_regression():
    # E (y - w'x~)^2 = (y - w'x)^2 + (p/q) sum_j w_j^2 x_j^2, as under Bernoulli dropout
    torch.manual_seed(0)
    row, weights, target, p = torch.randn(4), torch.randn(4), 0.7, 0.3
    noisy = make_noise(p)(row.expand(200_000, 4)).double()
    risk = (target - noisy @ weights.double()).square().mean().item()
    ridge = (target - row @ weights).square() + p / 0.7 * (weights * row).square().sum()
    assert risk == pytest.approx(ridge.item(), rel=0.02)


def test_same_moment_gives_the_same_noise_and_any_other_moment_or_site_another():
    inputs = torch.ones(16)
    first = make_noise(0.5)(inputs)
    assert torch.equal(make_noise(0.5)(inputs), first)
    others = [make_noise(0.5, clock) for clock in (Clock(step=1), Clock(micro=1), Clock(passes=1))]
    assert all(not torch.equal(noise(inputs), first) for noise in [*others, make_noise(0.5, site="2")])


def test_noise_on_weights_spares_biases_and_normalizations():
    clean, model = prepared(p=0.0), prepared(target="weight")
    assert [n for n, m in model.named_modules() if parametrize.is_parametrized(m)] == ["0", "3"]
    assert not torch.equal(model[0].weight, clean[0].weight)
    assert torch.equal(model[0].bias, clean[0].bias)
    assert torch.equal(model[2].weight, clean[2].weight)


def test_a_weight_has_one_noise_a_pass_and_another_in_the_next():
    clock = Clock()
    layer = prepared(clock, target="weight")[0]
    first = layer.weight.clone()
    assert torch.equal(layer.weight, first)
    clock.passes = 1
    assert not torch.equal(layer.weight, first)


def test_the_weight_itself_stays_behind_its_noise_and_evaluation_reads_it():
    clean, model = prepared(p=0.0), prepared(target="weight")
    originals = [weight for _, weight in regularized_weights(model)]
    assert all(map(torch.equal, originals, (clean[0].weight, clean[3].weight)))
    inputs = torch.randn(5, 4)
    assert torch.equal(model.eval()(inputs), clean.eval()(inputs))


def test_gradient_reaches_the_weight_through_its_noise():
    # y = w * (1 + xi / 2) * x, so dy/dw = (1 + xi / 2) * x: with xi = 4 and x = 5 it is 15
    layer = nn.Linear(1, 1, bias=False)
    noise = WeightNoise(0.2, FixedNormal(4.0), "weight")
    parametrize.register_parametrization(layer, "weight", noise)
    layer(torch.tensor([[5.0]])).sum().backward()
    assert layer.parametrizations.weight.original.grad.item() == pytest.approx(15)


def test_noise_of_each_example_has_the_moments_of_noise_on_the_weights():
    # W = (1, -2), v = (3, 1): mean 1 + b, variance sigma^2 * (1 * 9 + 4 * 1) with sigma^2 = 0.2 / 0.8 = 1/4
    layer = nn.Linear(2, 1)
    layer.weight.data, layer.bias.data = torch.tensor([[1.0, -2.0]]), torch.tensor([7.0])
    member = GaussianDropout(p=0.2, target="weight", per="example", where="default")
    member.stream = Stream(0, "gaussian_dropout", Clock())
    model = member.prepare_model(nn.Sequential(layer))
    drawn = model(torch.tensor([[3.0, 1.0]]).expand(100_000, 2)).detach().double()
    assert drawn.mean().item() == pytest.approx(8, abs=5 * math.sqrt(3.25 / 100_000))
    assert drawn.var().item() == pytest.approx(3.25, rel=0.03)
    assert drawn.unique().numel() > 90_000
    assert model.eval()(torch.tensor([[3.0, 1.0]])).item() == pytest.approx(8)
    assert member.shared_noise() == 0.0


def test_weights_that_no_example_can_have_for_itself_share_one_draw_and_it_is_said():
    member = GaussianDropout(p=0.5, target="weight", per="example", where="default")
    member.stream = Stream(0, "gaussian_dropout", Clock())
    model = member.prepare_model(nn.Sequential(nn.LSTM(2, 2), nn.Linear(2, 2)))
    assert parametrize.is_parametrized(model[0])
    assert not parametrize.is_parametrized(model[1])
    assert (member.shared_noise(), member.note()) == (
        0.5,
        "one draw a batch for 0.weight_ih_l0, 0.weight_hh_l0",
    )
    activations = GaussianDropout(p=0.5, target="activation", per="batch", where="default")
    assert (activations.shared_noise(), activations.note()) == (0.0, "")


def test_refuses_a_model_without_weights():
    member = GaussianDropout(p=0.5, target="weight", per="batch", where="default")
    with pytest.raises(ValueError, match=r"^ReLU has no weights to put noise on$"):
        member.prepare_model(nn.ReLU())


@pytest.mark.parametrize("target", ["activation", "weight"])
def test_probability_zero_leaves_the_model_alone(target: str):
    assert str(prepared(p=0.0, target=target)).count("Noise") == 0


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_refuses_a_probability_outside_its_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        GaussianDropout(p=p, target="activation", per="example", where="default")
