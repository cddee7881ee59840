import numpy as np
import pytest
import torch
from sklearn import linear_model
from torch import Tensor, nn

from regbench.regularizers.elastic_net import ElasticNet
from regbench.types import ForwardPass


def make(l1: float = 0.0, l2: float = 0.0, mode: str = "prox", **fields: object) -> ElasticNet:
    rest = {"alpha": None, "l1_ratio": None, "scope": "weights"} | fields
    return ElasticNet(strength_l1=l1, strength_l2=l2, mode=mode, **rest)


def forward_of(model: nn.Module) -> ForwardPass:
    return ForwardPass(model, None, None, ())


def problem(apart: float = 1.0) -> tuple[Tensor, Tensor]:
    """20 rows and 8 features; only the first two matter, and they are as unlike as asked."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((20, 8))
    inputs[:, 1] = inputs[:, 0] + apart * rng.standard_normal(20)
    goals = inputs[:, :2] @ [1.0, 1.0] + 0.1 * rng.standard_normal(20)
    return torch.from_numpy(inputs), torch.from_numpy(goals[:, None])


def fit(
    reg: ElasticNet, steps: int = 600, lr: float = 0.2, halves: bool = True, apart: float = 1.0
) -> Tensor:
    """Minimize the mean squared error, halved or not, plus the member's part."""
    inputs, goals = problem(apart)
    model = nn.Linear(8, 1, bias=False).double()
    nn.init.constant_(model.weight, 0.5)
    reg.prepare_model(model)
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=lr))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(inputs) - goals).square().mean() / (2 if halves else 1)
        term = reg.penalty(forward_of(model))
        (loss if term is None else loss + term).backward()
        optimizer.step()
        reg.edit_weights(model)
    return model.weight.detach()[0]


def theirs(alpha: float, l1_ratio: float) -> Tensor:
    """The elastic net of scikit-learn."""
    inputs, goals = problem()
    net = linear_model.ElasticNet(
        alpha=alpha, l1_ratio=l1_ratio, fit_intercept=False, tol=1e-12, max_iter=100_000
    )
    return torch.from_numpy(net.fit(inputs.numpy(), goals.numpy().ravel()).coef_)


def test_subgradient_counts_weights_and_spares_biases():
    model = nn.Linear(3, 1)
    model.weight.data = torch.tensor([[3.0, -4.0, 0.0]])
    model.bias.data = torch.tensor([100.0])
    term = make(0.5, 0.25, "subgradient").penalty(forward_of(model))
    term.backward()
    assert term.item() == 0.5 * 7 + 0.25 * 25
    assert model.weight.grad.tolist() == [[0.5 + 1.5, -0.5 - 2.0, 0.0]]
    assert model.bias.grad is None


def test_prox_shrinks_at_the_current_rate_then_divides():
    model = nn.Linear(4, 1)
    model.weight.data = torch.tensor([[3.0, -4.0, 0.25, -0.5]])
    model.bias.data = torch.tensor([100.0])
    reg = make(2.0, 2.0)
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=1.0))
    assert reg.penalty(forward_of(model)) is None
    optimizer.param_groups[0]["lr"] = 0.25
    reg.edit_weights(model)
    assert model.weight.tolist() == [[1.25, -1.75, 0.0, 0.0]]  # threshold 0.25 * 2, divisor 1 + 2 * 0.25 * 2
    assert model.bias.item() == 100.0


@pytest.mark.parametrize("before", [1.3, -0.4, 0.05])
def test_prox_minimizes_the_penalty_plus_half_the_squared_distance(before: float):
    model = nn.Linear(1, 1, bias=False).double()
    model.weight.data.fill_(before)
    reg = make(0.3, 0.7)
    reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.5))
    reg.edit_weights(model)
    grid = torch.linspace(-2, 2, 400_001, dtype=torch.float64)
    value = (grid - before).square() / 2 + 0.5 * (0.3 * grid.abs() + 0.7 * grid.square())
    assert model.weight.item() == pytest.approx(grid[value.argmin()].item(), abs=1e-5)


@pytest.mark.parametrize(("alpha", "l1_ratio"), [(0.4, 0.5), (0.3, 0.9), (0.5, 0.2)])
def test_finds_the_elastic_net_of_scikit_learn_and_its_zeros(alpha: float, l1_ratio: float):
    # of half the mean squared error: strength_l1 = alpha * ratio, strength_l2 = alpha * (1 - ratio) / 2
    weight, expected = fit(make(alpha * l1_ratio, alpha * (1 - l1_ratio) / 2)), theirs(alpha, l1_ratio)
    torch.testing.assert_close(weight, expected, rtol=1e-6, atol=1e-7)
    assert ((weight == 0) == (expected == 0)).all()


def test_eliminates_features_and_keeps_those_that_are_alike_together():
    weight = fit(make(0.2, 0.1), apart=0.05)
    assert (weight[2:] == 0).sum() >= 4
    assert weight[0].item() == pytest.approx(weight[1].item(), rel=0.1)


def test_takes_the_two_fields_of_scikit_learn():
    weight = fit(make(9.0, 9.0, alpha=0.4, l1_ratio=0.5))
    torch.testing.assert_close(weight, theirs(0.4, 0.5), rtol=1e-6, atol=1e-7)


def test_of_the_whole_mean_squared_error_scikit_learn_takes_half():
    # alpha = (l1 + 2 * l2) / 2 and ratio = l1 / (l1 + 2 * l2)
    weight = fit(make(0.2, 0.1), lr=0.1, halves=False)
    torch.testing.assert_close(weight, theirs(0.2, 0.5), rtol=1e-6, atol=1e-7)


def test_without_squares_it_is_the_lasso():
    inputs, goals = problem()
    lasso = linear_model.Lasso(alpha=0.3, fit_intercept=False, tol=1e-12, max_iter=100_000)
    expected = lasso.fit(inputs.numpy(), goals.numpy().ravel()).coef_
    weight = fit(make(0.3))
    torch.testing.assert_close(weight, torch.from_numpy(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["prox", "subgradient"])
def test_without_absolute_values_it_is_ridge_regression(mode: str):
    # (1 / 2n) ||Xw - y||^2 + l2 * ||w||^2 is solved by (X'X + 2 n l2 I) w = X'y
    inputs, goals = problem()
    ridge = torch.linalg.solve(
        inputs.T @ inputs + 2 * 20 * 0.1 * torch.eye(8, dtype=torch.float64), inputs.T @ goals
    )
    torch.testing.assert_close(fit(make(0.0, 0.1, mode)), ridge[:, 0], rtol=1e-6, atol=1e-7)


def test_only_prox_makes_exact_zeros():
    assert (fit(make(0.2, 0.1), lr=0.05) == 0).sum() >= 4
    assert (fit(make(0.2, 0.1, "subgradient"), lr=0.05) == 0).sum() == 0


def test_leaves_frozen_weights_alone():
    model = nn.Linear(2, 1, bias=False)
    model.weight.requires_grad_(False)
    before = model.weight.clone()
    reg = make(1.0, 1.0)
    reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.1))
    reg.edit_weights(model)
    assert torch.equal(model.weight, before)


def two_layers() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 2))
    model[0].weight.data = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    model[1].weight.data = torch.tensor([[0.0], [-0.0]])
    return model


def test_records_the_share_of_exact_zeros_by_layer():
    assert make(0.1).metrics(two_layers()) == {"zeros.0": 0.25, "zeros.1": 1.0, "zeros": 0.5}


@pytest.mark.parametrize("fields", [{}, {"l1": 1.0, "l2": 1.0, "alpha": 0.0, "l1_ratio": 0.5}])
@pytest.mark.parametrize("mode", ["prox", "subgradient"])
def test_changes_nothing_where_both_strengths_are_zero(mode: str, fields: dict[str, float]):
    model = two_layers()
    before = [p.detach().clone() for p in model.parameters()]
    reg = make(mode=mode, **fields)
    reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.1))
    reg.edit_weights(model)
    assert reg.penalty(forward_of(model)) is None
    assert (reg.metrics(model), reg.note()) == ({}, "")
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def test_note_names_the_fields_of_scikit_learn():
    assert make(0.1, 0.15).note() == "the same as alpha=0.4, l1_ratio=0.25 in scikit-learn"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"l1": -0.1}, "strength_l1 must be at least 0, got -0.1"),
        ({"l2": -0.1}, "strength_l2 must be at least 0, got -0.1"),
        ({"alpha": -1.0, "l1_ratio": 0.5}, "alpha must be at least 0, got -1.0"),
        ({"alpha": 1.0, "l1_ratio": 1.5}, r"l1_ratio must lie in \[0, 1\], got 1.5"),
        ({"alpha": 1.0}, "alpha and l1_ratio must both be given or neither, got 1.0 and None"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, float], message: str):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(**fields)


def test_refuses_a_model_without_weights():
    with pytest.raises(ValueError, match=r"must have weights to shrink, got none in scope 'weights'$"):
        make(0.1).prepare_model(nn.BatchNorm1d(3))
