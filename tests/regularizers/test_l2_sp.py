"""L2-SP by hand: what has a start is pulled there, what is new to zero."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from regbench.regularizers.l2_sp import L2SP
from regbench.types import ForwardPass


def two_layers(fresh: bool = True) -> nn.Sequential:
    """Weights (1, 2) in the body and (3,) in the head; the head is new."""
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    model[0].weight.data, model[0].bias.data = torch.tensor([[1.0, 2.0]]), torch.tensor([5.0])
    model[1].weight.data, model[1].bias.data = torch.tensor([[3.0]]), torch.tensor([7.0])
    if fresh:
        model[1].fresh = ("weight", "bias")
    return model


def term(reg: L2SP, model: nn.Module) -> torch.Tensor:
    value = reg.penalty(ForwardPass(model, None, None, ()))
    assert value is not None
    return value


def moved(model: nn.Sequential) -> None:
    """The body's weights by (0.5, -1), its bias by 1, the head's weight by 1, its bias by 2."""
    with torch.no_grad():
        model[0].weight.add_(torch.tensor([[0.5, -1.0]]))
        model[0].bias.add_(1.0)
        model[1].weight.add_(1.0)
        model[1].bias.add_(2.0)


def test_at_the_start_only_what_is_new_counts() -> None:
    model, reg = two_layers(), L2SP(0.4, 0.2, "weights", None)
    reg.prepare_model(model)
    assert term(reg, model).item() == pytest.approx(0.2 / 2 * 9)


def test_pulls_to_the_start_and_what_is_new_to_zero() -> None:
    model, reg = two_layers(), L2SP(0.4, 0.2, "weights", None)
    reg.prepare_model(model)
    moved(model)
    value = term(reg, model)
    value.backward()
    assert value.item() == pytest.approx(0.4 / 2 * (0.25 + 1) + 0.2 / 2 * 16)
    torch.testing.assert_close(model[0].weight.grad, 0.4 * torch.tensor([[0.5, -1.0]]))
    torch.testing.assert_close(model[1].weight.grad, torch.tensor([[0.2 * 4]]))
    assert model[0].bias.grad is None


def test_scope_all_counts_biases_too() -> None:
    model, reg = two_layers(), L2SP(0.4, 0.2, "all", None)
    reg.prepare_model(model)
    moved(model)
    assert term(reg, model).item() == pytest.approx(0.2 * (0.25 + 1 + 1) + 0.1 * (16 + 81))


def test_without_a_file_every_weight_starts_where_it_is() -> None:
    model, reg = two_layers(fresh=False), L2SP(0.4, 0.2, "weights", None)
    reg.prepare_model(model)
    moved(model)
    assert term(reg, model).item() == pytest.approx(0.2 * (0.25 + 1 + 1))
    assert reg.note() == "2 of 2 weights are pulled to where the model begins, as model.init names no file"


def test_says_how_many_weights_have_a_start() -> None:
    model, reg = two_layers(), L2SP(0.4, 0.2, "weights", None)
    reg.prepare_model(model)
    assert reg.note() == "1 of 2 weights are pulled to where the model begins"


def test_what_is_frozen_counts_for_nothing() -> None:
    model, reg = two_layers(), L2SP(0.4, 0.2, "weights", None)
    model[0].weight.requires_grad_(False)
    reg.prepare_model(model)
    moved(model)
    assert term(reg, model).item() == pytest.approx(0.1 * 16)


class Doubled(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


def test_finds_the_weight_behind_a_parametrization_that_comes_later() -> None:
    model, reg = two_layers(), L2SP(0.4, 0.2, "weights", None)
    reg.prepare_model(model)
    parametrize.register_parametrization(model[0], "weight", Doubled())
    with torch.no_grad():
        model[0].parametrizations.weight.original.add_(1.0)
    assert term(reg, model).item() == pytest.approx(0.2 * 2 + 0.1 * 9)


def test_a_resumed_run_is_pulled_to_the_first_start_and_knows_what_was_new() -> None:
    model, reg = two_layers(), L2SP(0.4, 0.2, "weights", None)
    reg.prepare_model(model)
    again, other = L2SP(0.4, 0.2, "weights", None), two_layers(fresh=False)  # built without the file
    moved(other)
    again.prepare_model(other)
    again.load_state_dict(reg.state_dict())
    assert term(again, other).item() == pytest.approx(0.2 * (0.25 + 1) + 0.1 * 16)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((-1.0, 0.0), "strength must be at least 0, got -1.0"),
        ((0.0, -1.0), "head_strength must be at least 0, got -1.0"),
    ],
)
def test_refuses_a_negative_strength(values: tuple[float, float], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        L2SP(*values, "weights", None)


def test_refuses_a_model_without_weights() -> None:
    with pytest.raises(ValueError, match=r"must have weights to pull, got none in scope 'weights'"):
        L2SP(0.1, 0.1, "weights", None).prepare_model(nn.BatchNorm1d(3))


def test_changes_nothing_at_its_off_values() -> None:
    model, reg = two_layers(), L2SP(0.0, 0.0, "weights", None)
    assert reg.prepare_model(model) is model
    assert reg.penalty(ForwardPass(model, None, None, ())) is None
    assert reg.state_dict() == {"start": {}}
