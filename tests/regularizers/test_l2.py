import copy

import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn
from torch.nn.utils import parametrizations

from regbench.optimizers import Wrapper
from regbench.regularizers.l2 import L2
from regbench.types import ForwardPass

LRS = [0.1, 0.1, 0.07, 0.03, 0.2, 0.01]


def train(model, optimizer, reg=None, lrs=LRS):
    """Least squares on fixed rows at a changing learning rate; the weights after every step."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    goals = torch.randn(8, 1, generator=generator, dtype=torch.float64)
    path = []
    for lr in lrs:
        for group in optimizer.param_groups:
            group["lr"] = lr

        def closure():
            optimizer.zero_grad()
            loss = (model(inputs) - goals).square().mean()
            term = None if reg is None else reg.penalty(ForwardPass(model, None, None, ()))
            loss = loss if term is None else loss + term
            loss.backward()
            return loss

        optimizer.step(closure)
        path.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    return torch.stack(path)


def linear(bias=False):
    torch.manual_seed(0)
    return nn.Linear(3, 1, bias=bias).double()


def trained(mode, make, strength=0.3, model=None):
    model = linear() if model is None else model
    reg = L2(strength, mode, "weights")
    reg.prepare_model(model)
    return train(model, reg.prepare_optimizer(make(model.parameters())), reg)


def test_penalizes_half_the_sum_of_squares_and_spares_biases():
    model = nn.Linear(2, 1)
    model.weight.data = torch.tensor([[3.0, -4.0]])
    model.bias.data = torch.tensor([100.0])
    term = L2(0.5, "penalty", "weights").penalty(ForwardPass(model, None, None, ()))
    term.backward()
    assert term.item() == 6.25  # 0.5 / 2 * (9 + 16)
    assert model.weight.grad.tolist() == [[1.5, -2.0]]
    assert model.bias.grad is None


def test_scope_all_counts_biases_too():
    model = nn.Linear(2, 1)
    model.weight.data, model.bias.data = torch.tensor([[3.0, -4.0]]), torch.tensor([10.0])
    assert L2(2.0, "penalty", "all").penalty(ForwardPass(model, None, None, ())).item() == 125.0


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_penalty_and_coupled_take_the_same_path_under_sgd(momentum):
    def make(params):
        return torch.optim.SGD(params, lr=0.1, momentum=momentum)

    torch.testing.assert_close(trained("penalty", make), trained("coupled", make), rtol=1e-12, atol=1e-14)


def test_decoupled_equals_coupled_under_plain_sgd_and_differs_under_momentum():
    def plain(params):
        return torch.optim.SGD(params, lr=0.1)

    def heavy(params):
        return torch.optim.SGD(params, lr=0.1, momentum=0.9)

    torch.testing.assert_close(trained("decoupled", plain), trained("coupled", plain), rtol=1e-12, atol=1e-14)
    assert (trained("decoupled", heavy) - trained("coupled", heavy)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("mode", "optimizer", "settings"),
    [
        ("coupled", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ("coupled", torch.optim.Adam, {}),
        ("coupled", torch.optim.RMSprop, {}),
        ("decoupled", torch.optim.AdamW, {}),
    ],
)
def test_takes_the_path_of_the_optimizers_own_weight_decay(mode, optimizer, settings):
    ours = trained(mode, lambda params: optimizer(params, lr=0.1, weight_decay=0.0, **settings))
    model = linear()
    theirs = train(model, optimizer(model.parameters(), lr=0.1, weight_decay=0.3, **settings))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_goes_on_decaying_after_the_optimizer_has_loaded_a_state():
    model = linear()
    reg = L2(0.3, "decoupled", "weights")
    reg.prepare_model(model)
    optimizer = reg.prepare_optimizer(torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.0))
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # torch puts new groups in place
    ours = train(model, optimizer)
    other = linear()
    theirs = train(other, torch.optim.AdamW(other.parameters(), lr=0.1, weight_decay=0.3))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", ["coupled", "decoupled"])
def test_without_a_data_gradient_weights_fall_geometrically_and_biases_stay(mode):
    model = nn.Linear(2, 1).double()
    weight, bias = model.weight.detach().clone(), model.bias.detach().clone()
    reg = L2(0.4, mode, "weights")
    reg.prepare_model(model)
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.5))
    for _ in range(5):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    torch.testing.assert_close(model.weight.detach(), 0.32768 * weight)  # 0.8 ** 5
    assert torch.equal(model.bias.detach(), bias)


@pytest.mark.parametrize("mode", ["coupled", "decoupled"])
def test_passes_over_weights_without_a_gradient(mode):
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    for layer in model:
        nn.init.constant_(layer.weight, 1.0)
    reg = L2(0.5, mode, "weights")
    reg.prepare_model(model)
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=1.0))
    model[0].weight.grad = torch.zeros(1, 1)
    optimizer.step()
    assert [layer.weight.item() for layer in model] == [0.5, 1.0]


def test_finds_the_ridge_solution():
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    goals = torch.randn(20, 1, generator=generator, dtype=torch.float64)
    model = linear()
    reg = L2(0.5, "coupled", "weights")
    reg.prepare_model(model)
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.2))
    for _ in range(150):
        optimizer.zero_grad()
        (model(inputs) - goals).square().mean().backward()
        optimizer.step()
    ridge = Ridge(alpha=20 * 0.5 / 2, fit_intercept=False).fit(inputs.numpy(), goals.numpy().ravel())
    torch.testing.assert_close(model.weight[0].detach(), torch.from_numpy(ridge.coef_), rtol=1e-8, atol=1e-9)


def test_decays_the_weight_behind_a_parametrization_that_comes_later():
    model = nn.Linear(2, 2, bias=False)
    reg = L2(0.5, "decoupled", "weights")
    reg.prepare_model(model)
    parametrizations.weight_norm(model)
    gain, direction = (p.detach().clone() for p in model.parameters())
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=1.0))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    now = list(model.parameters())
    assert torch.equal(now[0], gain)
    torch.testing.assert_close(now[1].detach(), direction / 2)


@pytest.mark.parametrize(
    ("optimizer", "chosen"), [(torch.optim.SGD, "coupled"), (torch.optim.AdamW, "decoupled")]
)
def test_auto_follows_the_optimizer_and_says_so(optimizer, chosen):
    def make(params):
        return optimizer(params, lr=0.1, weight_decay=0.0)

    assert torch.equal(trained("auto", make), trained(chosen, make))
    reg, model = L2(0.3, "auto", "weights"), linear()
    reg.prepare_model(model)
    reg.prepare_optimizer(Wrapper(make(model.parameters())))
    assert reg.note().startswith(f"mode auto means {chosen}: {optimizer.__name__} has ")


@pytest.mark.parametrize("mode", ["auto", "penalty", "coupled", "decoupled"])
def test_changes_nothing_at_strength_zero(mode):
    model = linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    reg = L2(0.0, mode, "weights")
    assert reg.prepare_model(model) is model
    assert reg.prepare_optimizer(optimizer) is optimizer
    assert reg.penalty(ForwardPass(model, None, None, ())) is None


def test_refuses_a_negative_strength():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -1.0$"):
        L2(-1.0, "auto", "weights")


def test_refuses_to_shrink_a_weight_past_zero():
    model, reg = linear(), L2(20.0, "decoupled", "weights")
    reg.prepare_model(model)
    with pytest.raises(ValueError, match=r"^lr \* strength must lie below 1, got 2.0$"):
        reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.1))


@pytest.mark.parametrize("mode", ["coupled", "decoupled"])
def test_refuses_an_optimizer_that_decays_by_itself(mode):
    model, reg = linear(), L2(0.1, mode, "weights")
    reg.prepare_model(model)
    with pytest.raises(ValueError, match=r"own weight_decay must be 0 beside this one, got 0.01$"):
        reg.prepare_optimizer(torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01))


def test_refuses_a_model_without_weights():
    with pytest.raises(ValueError, match=r"must have weights to decay, got none in scope 'weights'"):
        L2(0.1, "auto", "weights").prepare_model(nn.BatchNorm1d(3))
