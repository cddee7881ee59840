"""Snapshots: a model seen with other weights than those it is training."""

from __future__ import annotations

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
