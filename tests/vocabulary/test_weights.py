from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from regbench.weights import FoundWeights, load_plain_state, plain_state, regularized_weights


class Half(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight / 2


class Own(nn.Module):
    regularized = ("kernel",)

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(2, 2))
        self.shift = nn.Parameter(torch.ones(2))


def names(model: nn.Module) -> list[str]:
    return [name for name, _ in regularized_weights(model)]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Linear(2, 3), ["weight"]),
        (nn.Bilinear(2, 2, 3), ["weight"]),
        (nn.Conv1d(2, 3, 1), ["weight"]),
        (nn.Conv2d(2, 3, 1), ["weight"]),
        (nn.ConvTranspose2d(2, 3, 1), ["weight"]),
        (nn.RNN(2, 3), ["weight_ih_l0", "weight_hh_l0"]),
        (
            nn.LSTM(2, 3, bidirectional=True),
            ["weight_ih_l0", "weight_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse"],
        ),
        (nn.LSTM(2, 3, proj_size=2), ["weight_ih_l0", "weight_hh_l0", "weight_hr_l0"]),
        (nn.GRUCell(2, 3), ["weight_ih", "weight_hh"]),
        (nn.MultiheadAttention(4, 2, add_bias_kv=True), ["in_proj_weight", "out_proj.weight"]),
        (
            nn.MultiheadAttention(4, 2, kdim=2, vdim=3),
            ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"],
        ),
        (Own(), ["kernel"]),
        (nn.Embedding(2, 3), []),
        (nn.BatchNorm2d(3), []),
        (nn.LayerNorm((3, 3)), []),
        (nn.GroupNorm(1, 3), []),
        (nn.PReLU(), []),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_weights_are_chosen_by_the_type_of_the_layer(layer: nn.Module, expected: list[str]) -> None:
    assert names(layer) == expected


def test_weights_that_are_frozen_are_left_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2))
    assert names(model) == ["1.weight"]
    assert [name for name, _ in regularized_weights(model, "all")] == ["1.weight", "1.bias"]


def test_weights_are_named_from_the_model_and_are_its_own_parameters() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 1)))
    found = dict(regularized_weights(model))
    assert list(found) == ["0.weight", "1.1.weight"]
    assert found["0.weight"] is model[0].weight
    assert found["1.1.weight"] is model[1][1].weight


def test_scope_all_is_every_parameter_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    model[2].weight = model[0].weight
    assert [name for name, _ in regularized_weights(model, "all")] == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "2.bias",
    ]


def test_tied_weights_count_once() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    assert names(model) == ["0.weight"]
    output = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 5))
    output[1].weight = output[0].weight  # a tied softmax is a dense layer
    assert names(output) == ["1.weight"]


def test_of_a_parametrized_weight_it_is_the_original_under_the_plain_name() -> None:
    layer = nn.Linear(2, 3)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", Half())
    ((name, found),) = regularized_weights(layer)
    assert name == "weight"
    assert found is weight


def test_a_parametrized_recurrent_matrix_keeps_its_place() -> None:
    layer = nn.LSTM(2, 3)
    weight = layer.weight_ih_l0
    parametrize.register_parametrization(layer, "weight_ih_l0", Half())
    found = regularized_weights(layer)
    assert [name for name, _ in found] == ["weight_ih_l0", "weight_hh_l0"]
    assert found[0][1] is weight


def test_of_a_weight_norm_it_is_the_direction_and_not_the_gain() -> None:
    layer = parametrizations.weight_norm(nn.Linear(4, 3))
    ((name, found),) = regularized_weights(layer)
    assert name == "weight"
    assert found is layer.parametrizations.weight.original1
    assert found.shape == (3, 4)


def test_a_parametrized_model_has_a_plain_state_and_it_is_the_original() -> None:
    plain = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    expected = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    parametrize.register_parametrization(plain[0], "weight", Half())
    state = plain_state(plain)
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name


@pytest.mark.parametrize("source", [False, True])
@pytest.mark.parametrize("target", [False, True])
def test_a_plain_state_loads_into_a_plain_model_and_a_parametrized_one(source: bool, target: bool) -> None:
    models = []
    for parametrized in (source, target):
        model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
        if parametrized:
            parametrize.register_parametrization(model[0], "weight", Half())
        models.append(model)
    one, two = models
    load_plain_state(two, plain_state(one))
    weight = one[0].parametrizations.weight.original if source else one[0].weight
    effective = weight / 2 if target else weight
    assert torch.equal(two[0].weight, effective)
    assert torch.equal(two[1].weight, one[1].weight)
    assert torch.equal(two[0].bias, one[0].bias)


def test_a_state_of_another_model_is_refused() -> None:
    with pytest.raises(RuntimeError, match="Missing key"):
        load_plain_state(nn.Linear(2, 3), {})
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_plain_state(nn.Linear(2, 3), plain_state(nn.Linear(3, 3)))


def test_weights_that_are_kept_are_those_that_are_found() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    model[2].weight.requires_grad_(False)
    kept = FoundWeights("weights")
    for thawed in (False, True, False):
        model[2].weight.requires_grad_(thawed)
        wanted = regularized_weights(model)
        assert len(wanted) == 1 + thawed
        found = kept.of(model)
        assert [name for name, _ in found] == [name for name, _ in wanted]
        assert all(one is other for (_, one), (_, other) in zip(found, wanted, strict=True))
    other = nn.Linear(4, 4)
    assert kept.of(other)[0][1] is other.weight, "another model is looked through anew"
    assert [name for name, _ in FoundWeights("all").of(other)] == ["weight", "bias"]
