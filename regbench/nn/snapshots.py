"""Snapshots: a model seen with other weights than those it is training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from regbench.weights import Scope, regularized_weights, unmarked


class WithWeights(nn.Module):
    """A model that computes with the tensors of a state dict in the place of its own.

    Nothing is copied: the model is the one in training, put into training or evaluation mode through this
    one, and the tensors are the caller's (moved where they lie on another device than the model's), so a
    change of theirs shows here at once. Only `load_state_dict` replaces them by clones of its own. The
    model's own tensors are never touched.
    `state_dict` speaks the names of the model inside; modules and parameters are those of the model inside,
    under the prefix "model". Around another `WithWeights` it takes the model within.

    Args:
        model: any module, also one with parametrized, tied or shared weights.
        state: name and tensor, as the model's `state_dict` gives them.

    Raises:
        ValueError: the state's names are not the model's.
    """

    def __init__(self, model: nn.Module, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.training = model.training
        self.model: nn.Module = model.model if isinstance(model, WithWeights) else model
        own = self.model.state_dict()
        _require_same_names(state, own)
        self.state = {name: tensor.to(own[name].device) for name, tensor in state.items()}
        names = [(name, unmarked(name)) for name in _own_names(self.model)]
        self._replaced = [(own, name) for own, name in names if name in self.state]

    def forward(self, *inputs: Any) -> Any:
        tensors = {own: self.state[name] for own, name in self._replaced}
        return torch.func.functional_call(self.model, tensors, inputs, tie_weights=False)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:  # type: ignore[override]
        """The tensors it computes with, under the names of the model inside."""
        return dict(self.state)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Compute with clones of these tensors from now on, on the devices of those before.

        Raises:
            ValueError: the names or shapes are not the model's.
        """
        _require_same_names(state_dict, self.state)
        for name, old in self.state.items():
            if state_dict[name].shape != old.shape:
                raise ValueError(
                    f"{name} must have shape {tuple(old.shape)}, got {tuple(state_dict[name].shape)}"
                )
        self.state = {n: torch.empty_like(old).copy_(state_dict[n]) for n, old in self.state.items()}


class LiveState:
    """A model's tensors in training, by the names of its state dict, which is not made anew in each step.

    Where each of them stands is found once; what is put there later, by a load or by the model itself, is
    what is given. A model that keeps one of them elsewhere is asked for its state dict each time.
    """

    def __init__(self) -> None:
        self._model: nn.Module | None = None
        self._places: list[tuple[str, dict[str, Any], str]] | None = None

    def of(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Name and tensor, the model's own."""
        if model is not self._model:
            self._model, self._places = model, _places(model)
        if self._places is None:
            return model.state_dict()
        return {name: store[key] for name, store, key in self._places}


def _places(model: nn.Module) -> list[tuple[str, dict[str, Any], str]] | None:
    """For each name of the state dict, dict and key that hold its tensor; None where one lies elsewhere."""
    held: dict[int, list[tuple[dict[str, Any], str]]] = defaultdict(list)
    for module in model.modules():
        for store in (module._parameters, module._buffers):
            if not isinstance(store, dict):  # of a script
                return None
            for key, tensor in store.items():
                held[id(tensor)].append((store, key))
    state = model.state_dict(keep_vars=True)
    if not all(held[id(tensor)] for tensor in state.values()):
        return None
    # one that is tied stands at several places, in the order of its names
    taken = [(name, held[id(tensor)]) for name, tensor in state.items()]
    return [(name, *(places.pop(0) if len(places) > 1 else places[0])) for name, places in taken]


@torch.no_grad()
def move(average: dict[str, Tensor], towards: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Move an average by a share of the way, in place: floating-point tensors; others are copied.

    Returns:
        The average, on the devices of what it moves towards: one that was loaded may have lain elsewhere.
    """
    average = {name: tensor.to(towards[name].device) for name, tensor in average.items()}
    smooth = [name for name, tensor in average.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([average[n] for n in smooth], [towards[n] for n in smooth], share)
    for name in average.keys() - set(smooth):
        average[name].copy_(towards[name])
    return average


def evaluated_weights(model: nn.Module, scope: Scope = "weights") -> list[tuple[str, Tensor]]:
    """What `regularized_weights` finds, with the values that the model computes with, to be looked at."""
    if not isinstance(model, WithWeights):
        return regularized_weights(model, scope)
    names = {id(weight): unmarked(name) for name, weight in model.model.named_parameters()}
    return [(n, model.state[names[id(w)]]) for n, w in regularized_weights(model.model, scope)]


def _own_names(model: nn.Module) -> list[str]:
    """Parameters and buffers, one name for each place that holds one.

    A module that stands at two places counts once: `functional_call` would put its tensors in twice, and
    put back the wrong ones.
    """
    return [
        f"{prefix}.{name}".lstrip(".")
        for prefix, module in model.named_modules()
        for name in (*module._parameters.keys(), *module._buffers.keys())  # a script's are no dicts
    ]


def _require_same_names(got: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    if got.keys() != wanted.keys():
        odd = sorted(got.keys() ^ wanted.keys())
        raise ValueError(f"the names must be those of the model's state, got a difference in {odd}")
