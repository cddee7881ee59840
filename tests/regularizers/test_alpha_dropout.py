"""Alpha dropout: torch's values, mean and variance, and SELU where another activation stood."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regbench.models.mlp import MLP
from regbench.models.rnn import RNN
from regbench.regularizers.alpha_dropout import AlphaDrop, AlphaDropout
from regbench.sites import Site, sites
from regbench.streams import Clock, Stream


def drop(p: float, step: int = 0) -> AlphaDrop:
    return AlphaDrop(p, Stream(0, "alpha_dropout", Clock(step=step)))


def plain() -> MLP:
    torch.manual_seed(0)
    return MLP((8,), 3, 16, 2, "none")


def prepared(model: nn.Module | None = None, **fields: Any) -> tuple[AlphaDropout, nn.Module]:
    member = AlphaDropout(**({"p": 0.2, "activation": "selu", "where": "default"} | fields))
    member.stream = Stream(0, "alpha_dropout", Clock())
    return member, member.prepare_model(model or plain())


@pytest.mark.parametrize("p", [0.05, 0.2, 0.5])
def test_values_are_those_of_torchs_alpha_dropout(p: float) -> None:
    torch.manual_seed(0)
    values = torch.tensor([-1.5, 0.0, 2.0])[:, None].expand(3, 1000)
    theirs, ours = F.alpha_dropout(values, p, training=True), drop(p)(values)
    for one, other in zip(ours, theirs, strict=True):
        one, other = one.unique(), other.unique()
        assert len(one) == 2  # dropped, and kept
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_a_half_by_hand() -> None:
    # q = 0.5, f^2 = 3.0909: a = (0.5 + 0.7727)^-0.5 = 0.8864, b = 0.8864 * 0.5 * 1.7581 = 0.7792;
    # 1 becomes 1.6656, and what is dropped 0.7792 - 0.8864 * 1.7581 = -0.7792
    found = drop(0.5)(torch.ones(1000)).unique().tolist()
    assert found == pytest.approx([-0.7792, 1.6656], abs=2e-4)


def test_mean_and_variance_stay_and_dropouts_would_not() -> None:
    values = torch.randn(400_000, generator=torch.Generator().manual_seed(0))
    shown = drop(0.2)(values)
    assert shown.mean().item() == pytest.approx(0, abs=0.008)
    assert shown.var().item() == pytest.approx(1, abs=0.012)


def test_each_value_is_dropped_by_itself_with_probability_p() -> None:
    shown = drop(0.3)(torch.zeros(200, 100))
    dropped = (shown == shown.min()).double()
    assert dropped.mean().item() == pytest.approx(0.3, abs=5 * (0.21 / 20_000) ** 0.5)
    for axis in (0, 1):
        assert (dropped * dropped.roll(1, axis)).mean().item() == pytest.approx(0.09, abs=0.011)


def test_the_gradient_is_that_of_what_is_kept() -> None:
    values = torch.zeros(1000, requires_grad=True)
    shown = drop(0.5)(values)
    shown.sum().backward()
    kept = (shown > 0).double()
    torch.testing.assert_close(values.grad.double(), kept * 0.88641, rtol=0, atol=1e-4)


def test_another_step_drops_other_values() -> None:
    ones = torch.ones(50)
    assert torch.equal(drop(0.5)(ones), drop(0.5)(ones))
    assert not torch.equal(drop(0.5)(ones), drop(0.5, step=1)(ones))


def test_keeps_the_type_of_activations() -> None:
    assert drop(0.2)(torch.ones(9, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_selu_takes_the_place_of_the_activations_and_evaluation_has_it_alone() -> None:
    _, model = prepared()
    inputs = torch.randn(5, 8)
    expected = inputs
    with torch.no_grad():
        for layer in plain().layers:
            expected = F.selu(layer.linear(expected))
        expected = plain().head(expected)
        torch.testing.assert_close(model.eval()(inputs), expected)
        assert not torch.allclose(model.train()(inputs), expected)


def test_without_dropping_it_is_selu_alone() -> None:
    member, model = prepared(p=0.0)
    inputs = torch.randn(5, 8)
    assert not member.is_off
    assert not any(isinstance(module, AlphaDrop) for module in model.modules())
    assert torch.equal(model(inputs), prepared(p=0.5)[1].eval()(inputs))


def test_a_model_that_has_selu_is_left_as_it_is() -> None:
    model = nn.Sequential(nn.Linear(8, 6), Site("hidden", (6,), body=nn.SELU()))
    body = model[1].body
    prepared(model, activation="keep")
    assert model[1].body is body
    assert len(model[1].after) == 1


def test_acts_where_it_is_told() -> None:
    _, model = prepared(where="last")
    assert [type(site.body) for _, site in sites(model, "hidden")] == [nn.ReLU, nn.SELU]


# --- refusals


def test_refuses_to_keep_another_activation() -> None:
    message = r"^activation must be selu where another stands, as ReLU at layers\.0\.hidden, got keep$"
    with pytest.raises(ValueError, match=message):
        prepared(activation="keep")


def test_refuses_sites_without_activations_and_those_that_were_replaced() -> None:
    with pytest.raises(
        ValueError, match=r"^where must name sites of activations, got features, which has none$"
    ):
        prepared(RNN((5,), 3, 9, "lstm", 4, 4, 1))
    with pytest.raises(ValueError, match=r"^where must be default, all, first, last, or indices, got input$"):
        prepared(where="input")
    model = plain()
    model.layers[0].hidden.replaced = True
    with pytest.raises(
        ValueError, match=r"^another member has already replaced what stands at layers\.0\.hidden"
    ):
        prepared(model)


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_refuses_a_probability_out_of_range(p: float) -> None:
    with pytest.raises(ValueError, match=rf"^p must lie in \[0, 1\), got {p}$"):
        prepared(p=p)
