import math

import pytest
import torch
from torch import Tensor, nn

from regbench.regularizers.adaptive_dropout import AdaptiveDropout, Standout
from regbench.sites import Site
from regbench.streams import Clock, Stream
from regbench.weights import regularized_weights


class FixedUniform(Stream):
    """A stream whose uniform draws are written down beforehand."""

    def __init__(self, *draws: float) -> None:
        super().__init__(0, "adaptive_dropout", Clock())
        self.draws = torch.tensor(draws)

    def uniform(self, shape: object, device: object = "cpu") -> Tensor:
        return self.draws.expand(tuple(shape))


def prepared(net: nn.Module | None = None, clock: Clock | None = None, **fields: object) -> nn.Module:
    values = {"share": 1.0, "form": "tied", "alpha": 1.0, "beta": 0.0, "where": "default"} | fields
    member = AdaptiveDropout(**values)
    member.stream = Stream(0, "adaptive_dropout", clock or Clock())
    return member.prepare_model(make_net() if net is None else net)


def make_net(inputs: int = 3, units: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(inputs, units), Site("norm", (units,)), Site("hidden", (units,), body=nn.ReLU())
    )


def by_site(**fields: object) -> nn.Module:
    """A site alone, so that its inputs are the pre-activations."""
    return prepared(nn.Sequential(Site("hidden", (2,), body=nn.ReLU())), **fields)


def standout(model: nn.Module) -> Standout:
    (found,) = (module for module in model.modules() if isinstance(module, Standout))
    return found


def test_one_draw_by_hand():
    # z = ln 3 and -ln 3: pi = 3/4 and 1/4 (alpha 1, beta 0); a draw keeps where it lies below pi
    model = by_site()
    standout(model).stream = FixedUniform(0.74)
    kept = model(torch.tensor([[math.log(3), 2.0], [0.0, 5.0]]))
    assert kept.tolist() == [[pytest.approx(math.log(3)), 2.0], [0.0, 5.0]]
    standout(model).stream = FixedUniform(0.76)
    assert model(torch.tensor([[math.log(3), 2.0]])).tolist() == [[0.0, 2.0]]  # sigmoid(2) = 0.88


def test_evaluation_multiplies_by_the_probability_and_training_does_not_divide():
    model, inputs = by_site(beta=math.log(3)), torch.tensor([[math.log(3), 0.0]])
    evaluated = model.eval()(inputs)[0, 0].item()
    assert evaluated == pytest.approx(0.9 * math.log(3))  # sigmoid(2 ln 3) = 9 / 10
    values = {round(v, 4) for v in model.train()(inputs.expand(200, 2))[:, 0].tolist()}
    assert values == {0.0, round(math.log(3), 4)}


def test_at_alpha_zero_it_is_classic_dropout_with_q_the_sigmoid_of_beta():
    q, count = 0.75, 100_000
    model = by_site(alpha=0.0, beta=math.log(3))
    inputs = torch.full((count, 2), 2.0)
    kept = model(inputs)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert abs((kept > 0).sum().item() - 2 * count * q) < 5 * math.sqrt(2 * count * q * (1 - q))
    torch.testing.assert_close(model.eval()(inputs[:1]), torch.full((1, 2), 1.5))


def test_units_are_kept_as_often_as_their_own_input_says():
    levels, count = torch.tensor([0.5, 1.0, 2.0, 4.0]), 10_000
    kept = by_site(beta=-1.0)(levels.view(1, 4).expand(count, 4)) > 0
    rates = kept.double().mean(0)
    for level, rate in zip(levels.tolist(), rates.tolist(), strict=True):
        pi = 1 / (1 + math.exp(1 - level))
        assert abs(rate - pi) < 5 * math.sqrt(pi * (1 - pi) / count)
    assert rates.tolist() == sorted(rates.tolist())  # a larger pre-activation is kept more often


@pytest.mark.parametrize("form", ["tied", "learned"])
def test_training_averages_to_evaluation(form: str):
    model, row = prepared(form=form), torch.randn(1, 3)
    trained = model(row.expand(50_000, 3)).double()
    margin = 5 * trained.std(0) / math.sqrt(50_000) + 1e-6
    assert ((trained.mean(0) - model.eval()(row)[0]).abs() <= margin).all()


def test_a_large_beta_keeps_all_and_probabilities_never_reach_their_ends():
    inputs = torch.rand(50, 2)
    torch.testing.assert_close(by_site(beta=1000.0).eval()(inputs), inputs)
    floor = by_site(beta=-1000.0).eval()(torch.ones(1, 2))
    assert floor.tolist() == [[pytest.approx(1e-6, rel=0.1)] * 2]  # 1 - (1 - 1e-6) in float32


def test_share_is_how_much_of_the_dropping_takes_place():
    # pi = 1/4 at z = ln 3, beta = -2 ln 3; half of its dropping leaves 1 - 0.5 * 0.75 = 5/8
    model = by_site(share=0.5, beta=-2 * math.log(3)).eval()
    assert model(torch.tensor([[math.log(3), 0.0]]))[0, 0].item() == pytest.approx(0.625 * math.log(3))


def test_tied_gate_is_a_constant_in_the_backward_pass():
    inputs = torch.tensor([[1.0, 3.0]], requires_grad=True)
    by_site().eval()(inputs).sum().backward()
    torch.testing.assert_close(inputs.grad, torch.tensor([[1.0, 3.0]]).sigmoid())


def test_learned_gate_begins_at_the_tied_one():
    inputs = torch.randn(6, 3)
    tied, learned = (prepared(form=form, alpha=-0.7, beta=0.4).eval()(inputs) for form in ("tied", "learned"))
    torch.testing.assert_close(learned, tied)


def test_learned_gate_sees_the_layers_inputs_whatever_stands_between():
    net = make_net()
    net[1].body = nn.Sigmoid()  # stands for a normalization
    model, inputs = prepared(net, form="learned", beta=0.3).eval(), torch.randn(6, 3)
    pre = net[0](inputs)
    torch.testing.assert_close(model(inputs), (pre + 0.3).sigmoid() * pre.sigmoid())


def test_learned_gates_gradient_is_that_of_its_expectation():
    # d/db' of pi * a(z) is pi * (1 - pi) * a(z), by hand at z = 1 and b' = b + beta, for any draw
    net = nn.Sequential(nn.Linear(1, 1), Site("hidden", (1,), body=nn.ReLU()))
    net[0].weight.data.fill_(0.5)
    net[0].bias.data.fill_(0.5)
    model = prepared(net, form="learned")
    pi = 1 / (1 + math.exp(-1))
    for draw in (0.0, 0.99):  # kept, dropped
        standout(model).stream = FixedUniform(draw)
        model.zero_grad()
        inputs = torch.ones(1, 1, requires_grad=True)
        outputs = model(inputs)
        assert outputs.item() == (1.0 if draw == 0 else 0.0)
        outputs.sum().backward()
        assert standout(model).gate.bias.grad.item() == pytest.approx(pi * (1 - pi))
        assert inputs.grad.item() == (0.5 if draw == 0 else 0.0)  # through the kept unit alone


def test_learned_gate_is_trained_and_spared_by_decay():
    model = prepared(form="learned")
    gate = standout(model).gate
    assert {id(gate.weight), id(gate.bias)} <= {id(p) for p in model.parameters()}
    assert [name for name, _ in regularized_weights(model)] == ["0.weight"]


def test_same_moment_gives_the_same_draws_and_the_next_others():
    inputs = torch.rand(64, 2)
    first = by_site()(inputs)
    assert torch.equal(by_site()(inputs), first)
    assert not torch.equal(by_site(clock=Clock(step=1))(inputs), first)


def test_learned_form_refuses_a_site_without_a_dense_layer():
    for net in (
        nn.Sequential(Site("hidden", (2,))),
        nn.Sequential(nn.Linear(2, 2), nn.Dropout(), Site("hidden", (2,))),
    ):
        with pytest.raises(ValueError, match=r"^Sequential has no dense layer before the site \d, as form "):
            prepared(net, form="learned")
        assert not any(isinstance(module, Standout) for module in net.modules())


def test_share_zero_leaves_the_model_alone():
    assert "Standout" not in str(prepared(share=0.0))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_refuses_a_share_outside_its_range(share: float):
    with pytest.raises(ValueError, match=rf"^share must lie in \[0, 1\], got {share}$"):
        prepared(share=share)
