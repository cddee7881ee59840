import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.dropout import Drop, Dropout, Mode
from regbench.sites import Site
from regbench.streams import Clock, Stream


class FixedMask(Stream):
    """A stream that hands out masks written down beforehand."""

    def __init__(self, *masks: Tensor) -> None:
        super().__init__(0, "dropout", Clock())
        self.masks = list(masks)

    def mask(self, like: Tensor, keep: float, shape: object = None) -> Tensor:
        return self.masks.pop(0).expand_as(like).to(like.dtype)


def make_drop(p: float, mode: Mode, clock: Clock | None = None, site: str = "") -> Drop:
    return Drop(p, mode, Stream(0, "dropout", clock or Clock(), site))


def make_model() -> nn.Module:
    return nn.Sequential(
        Site("input", (4,)),
        nn.Linear(4, 8),
        Site("hidden", (8,), body=nn.ReLU()),
        nn.Linear(8, 8),
        Site("hidden", (8,), body=nn.ReLU(), default=False),
    )


def prepared(**fields: object) -> nn.Module:
    member = Dropout(**({"p": 0.5, "mode": "inverted", "where": "default"} | fields))
    member.stream = Stream(0, "dropout", Clock())
    return member.prepare_model(make_model())


def places(model: nn.Module) -> list[str]:
    return [name.split(".")[0] for name, module in model.named_modules() if isinstance(module, Drop)]


@pytest.mark.parametrize("shape", [(40_000,), (50, 800), (4, 10, 10, 100)])
def test_drops_a_share_of_p_within_binomial_bounds(shape: tuple[int, ...]):
    p, count = 0.3, 40_000
    dropped = (make_drop(p, "inverted")(torch.ones(shape)) == 0).sum().item()
    assert abs(dropped - p * count) < 5 * math.sqrt(p * (1 - p) * count)


def test_inverted_form_multiplies_the_kept_by_one_over_q():
    dropped = make_drop(0.75, "inverted")(torch.full((1000,), 3.0))
    assert sorted(set(dropped.tolist())) == [0.0, 12.0]


def test_classic_form_leaves_the_kept_as_they_are():
    dropped = make_drop(0.75, "classic")(torch.full((1000,), 3.0))
    assert sorted(set(dropped.tolist())) == [0.0, 3.0]


def test_evaluation_is_the_identity_or_q_times_it():
    inputs = torch.tensor([1.0, -2.0])
    assert torch.equal(make_drop(0.25, "inverted").eval()(inputs), inputs)
    assert make_drop(0.25, "classic").eval()(inputs).tolist() == [0.75, -1.5]


@pytest.mark.parametrize(("mode", "variance"), [("inverted", 4 * 0.2 / 0.8), ("classic", 4 * 0.2 * 0.8)])
def test_training_averages_to_evaluation_with_the_variance_of_the_definition(mode: Mode, variance: float):
    drop, inputs, count = make_drop(0.2, mode), torch.full((100_000,), 2.0), 100_000
    trained = drop(inputs).double()
    assert trained.mean().item() == pytest.approx(
        drop.eval()(inputs[:1]).item(), abs=5 * (variance / count) ** 0.5
    )
    assert trained.var().item() == pytest.approx(variance, rel=0.03)


def test_classic_form_is_q_times_the_inverted_one_under_the_same_mask():
    inputs = torch.randn(20, 30)
    classic, inverted = make_drop(0.4, "classic")(inputs), make_drop(0.4, "inverted")(inputs)
    torch.testing.assert_close(classic, 0.6 * inverted)


def test_agrees_with_torch_given_its_mask():
    inputs = torch.randn(6, 50)
    torch.manual_seed(0)
    theirs = F.dropout(inputs, 0.3)
    ours = Drop(0.3, "inverted", FixedMask(theirs != 0))(inputs)
    torch.testing.assert_close(ours, theirs)


def test_gradient_passes_through_the_kept_alone():
    inputs = torch.ones(4, requires_grad=True)
    Drop(0.5, "inverted", FixedMask(torch.tensor([1.0, 0.0, 0.0, 1.0])))(inputs).sum().backward()
    assert inputs.grad.tolist() == [2.0, 0.0, 0.0, 2.0]


def test_scaled_softmax_layer_is_the_geometric_mean_of_all_its_thinned_networks():
    torch.manual_seed(0)
    units, inputs = 6, torch.randn(6, dtype=torch.float64)
    layer = nn.Linear(units, 3).double()
    masks = [torch.tensor(bits) for bits in product([0.0, 1.0], repeat=units)]
    drop = Drop(0.5, "classic", FixedMask(*masks))  # at q = 1/2 all 64 masks are equally likely
    mean = torch.stack([layer(drop(inputs)).log_softmax(0) for _ in masks]).mean(0)
    torch.testing.assert_close(layer(drop.eval()(inputs)).softmax(0), mean.softmax(0), rtol=0, atol=1e-14)


def test_linear_regression_on_dropped_inputs_is_ridge_regression():
    # E ||y - X'w||^2 = ||y - Xw||^2 + (p/q) sum_j w_j^2 sum_i X_ij^2, expected over every mask of a row
    torch.manual_seed(0)
    rows, targets = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    weights, p, q = torch.randn(4, dtype=torch.float64), 0.3, 0.7
    masks = [torch.tensor(bits) for bits in product([0.0, 1.0], repeat=4)]
    drop = Drop(p, "inverted", FixedMask(*masks))
    expected = sum(
        q ** mask.sum() * p ** (4 - mask.sum()) * (targets - drop(rows) @ weights).square().sum()
        for mask in masks
    )
    ridge = (targets - rows @ weights).square().sum() + p / q * (weights**2 * (rows**2).sum(0)).sum()
    torch.testing.assert_close(expected, ridge)


def test_same_moment_gives_the_same_mask_and_any_other_moment_or_site_another():
    inputs = torch.ones(256)
    first = make_drop(0.5, "inverted", Clock())(inputs)
    assert torch.equal(make_drop(0.5, "inverted", Clock())(inputs), first)
    others = [Clock(step=1), Clock(micro=1), Clock(passes=1)]
    assert all(not torch.equal(make_drop(0.5, "inverted", clock)(inputs), first) for clock in others)
    assert not torch.equal(make_drop(0.5, "inverted", Clock(), site="2")(inputs), first)


def test_two_sites_of_a_model_draw_apart_whichever_comes_first():
    inputs = torch.ones(256)
    first, second = (m(inputs) for m in prepared(where="all").modules() if isinstance(m, Drop))
    alone = [m for m in prepared(where="all").modules() if isinstance(m, Drop)][1]
    assert not torch.equal(first, second)
    assert torch.equal(alone(inputs), second)


@pytest.mark.parametrize(
    ("where", "expected"), [("default", ["2"]), ("all", ["2", "4"]), ("input", ["0"]), ([-1], ["4"])]
)
def test_acts_where_it_is_told_after_the_activation(where: object, expected: list[str]):
    model = prepared(where=where)
    assert places(model) == expected
    assert all(name.split(".")[1] == "after" for name, m in model.named_modules() if isinstance(m, Drop))


def test_probability_zero_leaves_the_model_alone():
    assert places(prepared(p=0.0, where="all")) == []


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_refuses_a_probability_outside_its_range(p: float):
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        Dropout(p=p, mode="inverted", where="default")
