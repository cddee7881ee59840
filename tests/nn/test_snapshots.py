"""A model's tensors by the names of its state dict."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from regbench.nn.snapshots import LiveState


def net() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 3), nn.Linear(3, 3))
    model[3].weight = model[2].weight  # tied
    return model


def require_same(live: LiveState, model: nn.Module) -> None:
    found, wanted = live.of(model), model.state_dict(keep_vars=True)
    assert list(found) == list(wanted)
    assert all(found[name].data_ptr() == tensor.data_ptr() for name, tensor in wanted.items())


def test_it_is_the_state_dict_s_own_tensors() -> None:
    live, model = LiveState(), net()
    require_same(live, model)
    require_same(live, model)
    require_same(live, net())


def test_it_follows_what_is_loaded_moved_and_put_in_the_place_of_a_tensor() -> None:
    live, model = LiveState(), net()
    live.of(model)
    model.load_state_dict(net().state_dict())
    require_same(live, model)
    model.load_state_dict({name: tensor.clone() for name, tensor in net().state_dict().items()}, assign=True)
    require_same(live, model)
    model[1].running_mean = torch.ones(3)
    require_same(live, model)
    model.double()
    require_same(live, model)
    assert live.of(model)["0.weight"].dtype == torch.float64


def test_the_state_dict_of_a_model_is_made_once() -> None:
    class Counting(nn.Linear):
        def state_dict(self, *args: Any, **kwargs: Any) -> Any:
            asked.append(1)
            return super().state_dict(*args, **kwargs)

    asked: list[int] = []
    live, model = LiveState(), Counting(2, 2)
    for _ in range(3):
        live.of(model)
    assert len(asked) == 1


def test_a_model_that_keeps_its_state_elsewhere_is_asked_each_time() -> None:
    class Elsewhere(nn.Linear):
        def state_dict(self, *args: Any, **kwargs: Any) -> Any:
            return super().state_dict(*args, **kwargs) | {"more": torch.tensor(float(len(asked)))}

    asked: list[int] = []
    live, model = LiveState(), Elsewhere(2, 2)
    for _ in range(2):
        asked.append(1)
        assert live.of(model)["more"].item() == len(asked)
