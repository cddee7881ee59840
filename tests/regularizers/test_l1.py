import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso
from torch import nn

from regbench.regularizers.ema import EMA
from regbench.regularizers.l1 import L1
from regbench.types import ForwardPass
from tests.reads import Reads


def forward_of(model):
    return ForwardPass(model, None, None, ())


def lasso_problem():
    """20 rows and 8 features, 2 of which matter; unit-variance columns."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((20, 8))
    goals = inputs[:, :2] @ [2.0, -1.0] + 0.1 * rng.standard_normal(20)
    return torch.from_numpy(inputs), torch.from_numpy(goals[:, None])


def fit(reg, inputs, goals, steps, lr=0.3, make=torch.optim.SGD, halves=True):
    """Minimize the mean squared error, halved or not, plus the member's part."""
    model = nn.Linear(inputs.shape[1], 1, bias=False).double()
    nn.init.constant_(model.weight, 0.5)
    reg.prepare_model(model)
    optimizer = reg.prepare_optimizer(make(model.parameters(), lr=lr))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(inputs) - goals).square().mean() / (2 if halves else 1)
        term = reg.penalty(forward_of(model))
        (loss if term is None else loss + term).backward()
        optimizer.step()
        reg.edit_weights(model)
    return model.weight.detach()[0]


def test_subgradient_counts_weights_and_spares_biases():
    model = nn.Linear(3, 1)
    model.weight.data = torch.tensor([[3.0, -4.0, 0.0]])
    model.bias.data = torch.tensor([100.0])
    term = L1(0.5, "subgradient", "euclidean", "weights").penalty(forward_of(model))
    term.backward()
    assert term.item() == 3.5
    assert model.weight.grad.tolist() == [[0.5, -0.5, 0.0]]
    assert model.bias.grad is None


def test_prox_shrinks_by_the_current_rate_times_strength_and_stops_at_zero():
    model = nn.Linear(4, 1)
    model.weight.data = torch.tensor([[3.0, -4.0, 0.25, -0.5]])
    model.bias.data = torch.tensor([100.0])
    reg = L1(2.0, "prox", "euclidean", "weights")
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=1.0))
    assert reg.penalty(forward_of(model)) is None
    optimizer.param_groups[0]["lr"] = 0.25
    reg.edit_weights(model)
    assert model.weight.tolist() == [[2.5, -3.5, 0.0, 0.0]]  # threshold 0.25 * 2
    assert model.bias.item() == 100.0


def test_prox_soft_thresholds_the_least_squares_solution_of_an_orthonormal_design():
    basis = torch.linalg.qr(
        torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    )
    inputs = basis.Q * 8**0.5  # columns of length sqrt(n)
    goals = inputs @ torch.tensor([[2.0], [-1.0], [0.2], [-0.25]], dtype=torch.float64)
    weight = fit(L1(0.3, "prox", "euclidean", "weights"), inputs, goals, steps=60, lr=0.5)
    torch.testing.assert_close(weight, torch.tensor([1.7, -0.7, 0.0, 0.0], dtype=torch.float64))


def test_prox_meets_the_optimality_conditions():
    inputs, goals = lasso_problem()
    weight = fit(L1(0.4, "prox", "euclidean", "weights"), inputs, goals, steps=150)
    gradient = inputs.T @ (inputs @ weight[:, None] - goals) / 20
    zero = weight == 0
    assert 0 < zero.sum() < 8
    assert (gradient[zero].abs() <= 0.4).all()
    torch.testing.assert_close(gradient[~zero, 0], -0.4 * weight[~zero].sign(), rtol=1e-6, atol=1e-7)


def test_prox_finds_the_lasso_of_scikit_learn():
    inputs, goals = lasso_problem()
    weight = fit(L1(0.4, "prox", "euclidean", "weights"), inputs, goals, steps=150, halves=False)
    lasso = Lasso(alpha=0.4 / 2, fit_intercept=False, tol=1e-12, max_iter=10000)
    theirs = lasso.fit(inputs.numpy(), goals.numpy().ravel()).coef_
    torch.testing.assert_close(weight, torch.from_numpy(theirs), rtol=1e-6, atol=1e-7)
    assert ((weight == 0).numpy() == (theirs == 0)).all()


def test_only_prox_makes_exact_zeros():
    inputs, goals = lasso_problem()
    proximal = fit(L1(0.4, "prox", "euclidean", "weights"), inputs, goals, steps=100, lr=0.05)
    through_loss = fit(L1(0.4, "subgradient", "euclidean", "weights"), inputs, goals, steps=100, lr=0.05)
    adam = fit(L1(0.4, "subgradient", "euclidean", "weights"), inputs, goals, 100, 0.05, torch.optim.Adam)
    assert (proximal == 0).sum() >= 5
    assert (through_loss == 0).sum() == 0
    assert (adam == 0).sum() == 0


def test_metric_adam_divides_the_threshold_by_adams_own_scale():
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = torch.tensor([[5.0, 5.0]])
    reg = L1(0.5, "prox", "adam", "weights")
    optimizer = reg.prepare_optimizer(torch.optim.Adam(model.parameters(), lr=0.25, betas=(0.0, 0.5)))
    for gradient in ([[1.0, 4.0]], [[3.0, 4.0]]):
        model.weight.grad = torch.tensor(gradient)
        optimizer.step()
    before = model.weight.detach().clone()
    reg.edit_weights(model)
    # v = 0.5 * (0.5 * 1) + 0.5 * 9 = 4.75, corrected by 1 - 0.25: 19 / 3; 16 for the constant gradient
    expected = torch.tensor([[0.125 / (19 / 3) ** 0.5, 0.125 / 4]])
    torch.testing.assert_close(before - model.weight.detach(), expected, rtol=1e-5, atol=1e-6)


def test_metric_adam_reads_no_number_of_its_state():
    model = nn.Linear(2, 1).double()
    reg = L1(0.5, "prox", "adam", "weights")
    optimizer = reg.prepare_optimizer(torch.optim.Adam(model.parameters(), lr=0.1))
    model(torch.ones(1, 2).double()).sum().backward()
    optimizer.step()
    with Reads() as reads:
        reg.edit_weights(model)
    assert reads.count == 0


def test_metric_adam_waits_for_the_first_gradient():
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    reg = L1(0.5, "prox", "adam", "weights")
    optimizer = reg.prepare_optimizer(torch.optim.AdamW(model.parameters(), lr=0.25))
    reg.edit_weights(model)
    assert torch.equal(model.weight.detach(), before)
    assert optimizer.state_dict()["state"] == {}


def test_leaves_frozen_weights_alone():
    model = nn.Linear(2, 1, bias=False)
    model.weight.requires_grad_(False)
    before = model.weight.clone()
    reg = L1(1.0, "prox", "euclidean", "weights")
    reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.1))
    reg.edit_weights(model)
    assert torch.equal(model.weight, before)


def two_layers():
    model = nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 2))
    model[0].weight.data = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    model[1].weight.data = torch.tensor([[0.0], [-0.0]])
    return model


def test_records_the_share_of_exact_zeros_by_layer():
    shares = L1(0.1, "prox", "euclidean", "weights").metrics(two_layers())
    assert shares == {"zeros.0": 0.25, "zeros.1": 1.0, "zeros": 0.5}


def test_records_the_zeros_of_the_averaged_weights_where_those_are_evaluated():
    model, average = two_layers(), EMA(0.5, warmup=False)
    average.end_step(model)
    model[1].weight.data += 1
    average.end_step(model)
    evaluated = average.eval_model(model)
    assert L1(0.1, "prox", "euclidean", "weights").metrics(evaluated)["zeros.1"] == 0.0
    model[1].weight.data -= 1
    shares = L1(0.1, "prox", "euclidean", "weights").metrics(evaluated)
    assert shares == {"zeros.0": 0.25, "zeros.1": 0.0, "zeros": 1 / 6}


@pytest.mark.parametrize("mode", ["prox", "subgradient"])
def test_changes_nothing_at_strength_zero(mode):
    model = two_layers()
    before = [p.detach().clone() for p in model.parameters()]
    reg = L1(0.0, mode, "euclidean", "weights")
    reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.1))
    reg.edit_weights(model)
    assert reg.penalty(forward_of(model)) is None
    assert reg.metrics(model) == {}
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -0.1$"):
        L1(-0.1, "prox", "euclidean", "weights")
    with pytest.raises(ValueError, match=r"^mode must be prox where metric is adam, got subgradient$"):
        L1(0.1, "subgradient", "adam", "weights")
    with pytest.raises(ValueError, match=r"must be Adam or AdamW where metric is adam, got SGD$"):
        L1(0.1, "prox", "adam", "weights").prepare_optimizer(torch.optim.SGD([torch.zeros(1)], lr=0.1))
    with pytest.raises(ValueError, match=r"must have weights to shrink, got none in scope 'weights'$"):
        L1(0.1, "prox", "euclidean", "weights").prepare_model(nn.BatchNorm1d(3))
