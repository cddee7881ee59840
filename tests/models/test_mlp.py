from __future__ import annotations

import pytest
import torch
from torch import nn

from regbench.models.mlp import MLP
from regbench.sites import select, sites


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_has_the_parameters_of_its_layers() -> None:
    model = MLP((1, 2, 3), 4, width=5, depth=2, norm="none")
    assert count(model) == (6 * 5 + 5) + (5 * 5 + 5) + (5 * 4 + 4)
    assert model(torch.randn(7, 1, 2, 3)).shape == (7, 4)


@pytest.mark.parametrize(("norm", "kind"), [("batch", nn.BatchNorm1d), ("layer", nn.LayerNorm)])
def test_a_norm_stands_at_each_hidden_layer_with_its_scale_and_shift(norm: str, kind: type) -> None:
    model = MLP((6,), 4, width=5, depth=3, norm=norm)  # type: ignore[arg-type]
    assert [type(site.body) for _, site in sites(model, "norm")] == [kind] * 3
    assert count(model) == count(MLP((6,), 4, width=5, depth=3, norm="none")) + 3 * 2 * 5


def test_computes_affine_maps_and_relus() -> None:
    model = MLP((2,), 1, width=2, depth=1, norm="none")
    with torch.no_grad():
        model.layers[0].linear.weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
        model.layers[0].linear.bias.copy_(torch.tensor([0.0, 1.0]))
        model.head.weight.copy_(torch.tensor([[2.0, 3.0]]))
        model.head.bias.fill_(10.0)
    inputs = torch.tensor([[3.0, 1.0], [1.0, 3.0]])  # hidden: (2, 0) and (0, 3)
    assert model(inputs).flatten().tolist() == [14, 19]


def test_every_hidden_layer_takes_noise_by_default_and_the_input_on_request() -> None:
    model = MLP((6,), 4, width=5, depth=3, norm="none")
    assert len(select(model, "hidden", "default")) == 3
    assert [site.shape for _, site in select(model, "hidden", "input")] == [(6,)]


@pytest.mark.parametrize(("width", "depth", "text"), [(0, 1, "width"), (1, 0, "depth")])
def test_sizes_are_at_least_one(width: int, depth: int, text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} must be at least 1, got 0"):
        MLP((6,), 4, width, depth, norm="none")
