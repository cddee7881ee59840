"""Models of others are made without regbench where nothing of them was adapted, and not where it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from regbench.instantiation.locating import locate
from regbench.nn.normalization import Normalized
from regbench.runs.export.folder import _loads, _outside
from regbench.weights import plain_state

OURS = {
    "torchvision": {
        "_target_": "regbench.models.torchvision.torchvision_model",
        "name": "mobilenet_v3_small",
    },
    "timm": {"_target_": "regbench.models.timm.timm_model", "name": "resnet10t"},
}


def found(call: dict[str, Any], in_shape: tuple[int, ...], seed: int = 0) -> list[dict[str, Any]]:
    """The calls outside regbench that make what this one makes."""
    torch.manual_seed(seed)
    net = locate(call["_target_"], "model")(**{name: one for name, one in call.items() if name != "_target_"})
    model = Normalized(nn.Identity(), net, call["num_classes"]).eval()
    state = {"in_shape": list(in_shape), "vocabulary": None}
    return [one for one in _outside(call) if _loads(one, model, plain_state(model), state)]


@pytest.mark.parametrize(("package", "made"), [("torchvision", "get_model"), ("timm", "create_model")])
def test_a_model_that_was_not_adapted_has_a_call_outside_and_one_that_was_has_none(
    package: str, made: str
) -> None:
    if package == "timm":
        pytest.importorskip("timm")
    call = {**OURS[package], "num_classes": 3, "in_shape": (3, 32, 32)}
    (outside,) = found({**call, "stem": "keep"}, (3, 32, 32))
    assert outside["_target_"].endswith(made)
    assert found({**call, "stem": "auto"}, (3, 32, 32)) == []


def test_a_class_of_others_is_called_as_it_was() -> None:
    call = {"_target_": "torchvision.ops.MLP", "in_channels": 4, "hidden_channels": [8, 3]}
    net = locate(call["_target_"], "model")(in_channels=4, hidden_channels=[8, 3])
    model = Normalized(nn.Identity(), net, 3).eval()
    state = {"in_shape": [4], "vocabulary": None}
    assert _loads(_outside(call)[0], model, plain_state(model), state)
    assert not _loads({**call, "hidden_channels": [9, 3]}, model, plain_state(model), state)
    assert not _loads({**call, "unknown": 1}, model, plain_state(model), state)


def test_a_class_of_ours_and_arguments_that_are_made_have_none() -> None:
    assert _outside({"_target_": "regbench.models.mlp.MLP", "width": 8}) == []
    assert _outside({"_target_": "torch.nn.Linear", "act": {"_target_": "torch.nn.GELU"}}) == []
