"""Weights: which ones regularization acts on, and their names in a plain model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

Scope = Literal["weights", "all"]
MARKED = "_marked_module"  # under this name a site in a model of others holds the module that stood there


def regularized_weights(model: nn.Module, scope: Scope = "weights") -> list[tuple[str, Tensor]]:
    """Name and parameter of what weight penalties act on, each parameter once; never one that is frozen.

    "weights": matrices and kernels of dense, convolutional, recurrent and attention layers, chosen by the
    type of the module; never biases, normalizations, embeddings. Where a weight is parametrized it is the
    original. "all": every parameter.
    """
    return _trained(_places(model, scope))


class FoundWeights:
    """`regularized_weights` of a model in training, whose modules are looked through once, not in each step.

    A weight that is frozen or thawed on the way, or that another stands for, is heeded; a module that is put
    in later is not, so it is not asked while members prepare the model.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope: Scope = scope
        self._model: nn.Module | None = None
        self._places: list[Place] = []

    def of(self, model: nn.Module) -> list[tuple[str, Tensor]]:
        """Name and parameter."""
        return _trained(self._looked_through(model))

    def with_modules(self, model: nn.Module) -> list[tuple[str, nn.Module, Tensor]]:
        """Name, the module that has it, and parameter."""
        found = [(name, m, _original(m, own)) for name, m, own in self._looked_through(model)]
        return [(name, m, weight) for name, m, weight in found if weight is not None and is_trained(weight)]

    def _looked_through(self, model: nn.Module) -> list[Place]:
        if model is not self._model:
            self._model, self._places = model, _places(model, self._scope)
        return self._places


Place = tuple[str, nn.Module, str]  # a weight's name in the model, the module that has it, its name there


def regularized_places(model: nn.Module) -> list[Place]:
    """Where the `regularized_weights` of scope "weights" are: for what parametrizes them, or acts on outputs.

    A weight that is tied is there at all of its places, each of which computes with it.
    """
    found = _all_places(model, "weights")
    return [place for place in found if _trained([place])]


def first_names(places: list[Place]) -> list[str]:
    """For each place the name of the first one that has the same parameter: what is tied has one name."""
    first: dict[int, str] = {}
    return [first.setdefault(id(_original(module, own)), name) for name, module, own in places]


def require_free_scale(name: str, module: nn.Module, own: str) -> None:
    """Refuse a weight that another member has given a scale: of two only the later one's would hold.

    What gives one says so by an attribute `sets_scale` that is True.

    Args:
        name: of the weight in the model.
        module: that has it.
        own: its name there.

    Raises:
        ValueError: another member has.
    """
    parts = module.parametrizations[own] if parametrize.is_parametrized(module, own) else ()  # type: ignore[index]
    if any(getattr(part, "sets_scale", False) for part in parts):  # type: ignore[union-attr]
        raise ValueError(f"another member sets the scale of {plain_name(name)} already; keep one")


def _trained(places: list[Place]) -> list[tuple[str, Tensor]]:
    """What is there now, without what is frozen."""
    found = ((name, _original(module, own)) for name, module, own in places)
    return [(name, weight) for name, weight in found if weight is not None and is_trained(weight)]


def _places(model: nn.Module, scope: Scope) -> list[Place]:
    """Where the weights are, frozen ones among them, each once."""
    found: dict[int, Place] = {}
    for place in _all_places(model, scope):
        found.setdefault(id(_original(place[1], place[2])), place)
    return list(found.values())


def _all_places(model: nn.Module, scope: Scope) -> list[Place]:
    """The same, of a tied one every place."""
    found: list[Place] = []
    for prefix, module in model.named_modules():
        names = list(module._parameters) if scope == "all" else _weight_names(module)
        for name in names:
            if _original(module, name) is not None:
                found.append((f"{prefix}.{name}".lstrip("."), module, name))
    return found


def is_trained(weight: Tensor) -> bool:
    """Whether a parameter, or what stands for it for the time of a pass, is not frozen."""
    return weight.requires_grad or getattr(weight, "stands_for_trained", False)


def stand_in(tensor: Tensor, parameter: Tensor) -> None:
    """Let a tensor stand for a parameter: under `torch.func.vmap` nobody could tell whether it is frozen."""
    tensor.stands_for_trained = parameter.requires_grad  # type: ignore[attr-defined]


def _weight_names(module: nn.Module) -> list[str]:
    if isinstance(module, nn.Linear | nn.Bilinear | _ConvNd):
        return ["weight"]
    if isinstance(module, nn.RNNBase):  # not its parameters: a parametrized matrix is none of them
        return [n for n in module._flat_weights_names if n.startswith("weight_")]  # of projections too
    if isinstance(module, nn.RNNCellBase):
        return ["weight_ih", "weight_hh"]
    if isinstance(module, nn.MultiheadAttention):
        return ["in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"]
    return list(getattr(module, "regularized", ()))  # a layer of another type says it itself


def _original(module: nn.Module, name: str) -> Tensor | None:
    """The parameter behind a weight; of a weight norm's two originals, the direction."""
    if not parametrize.is_parametrized(module, name):
        return getattr(module, name)
    behind: Any = module.parametrizations[name]  # type: ignore[index]
    return behind.original if hasattr(behind, "original") else behind.original1


def fresh_weights(model: nn.Module) -> list[Tensor]:
    """The parameters that have no starting point where a model starts from weights: those of a new head.

    A module that holds some lists their names in an attribute `fresh`.
    """
    found = [(m, name) for m in model.modules() for name in getattr(m, "fresh", ())]
    return [weight for module, name in found if (weight := _original(module, name)) is not None]


def mark_fresh(module: nn.Module) -> None:
    """Say that the parameters that a module holds itself have no starting point: a head that is new."""
    module.fresh = tuple(name for name, _ in module.named_parameters(recurse=False))  # type: ignore[assignment]


def starts_from_weights(model: nn.Module) -> bool:
    """Whether somebody has given a model weights to start from, and said which parameters are fresh."""
    return any(hasattr(module, "fresh") for module in model.modules())


def plain_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every parameter under each name that it has in `plain_state`: one that is tied has several."""
    state = model.state_dict(keep_vars=True)
    return {plain_name(name): tensor for name, tensor in state.items() if isinstance(tensor, nn.Parameter)}


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    """The model's state under the names that it has without parametrizations (W, not its mask)."""
    return {plain_name(name): tensor for name, tensor in model.state_dict().items()}


def load_plain_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load what `plain_state` returned, into a plain model or a parametrized one.

    Raises:
        RuntimeError: the names or shapes are not the model's.
    """
    names = {plain_name(name): name for name in model.state_dict()}
    model.load_state_dict({names.get(name, name): tensor for name, tensor in state.items()})


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two models have the same state, to the bit."""
    return same_states(plain_state(one), plain_state(other))


def same_states(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """The same of their states, on any devices; what is beside tensors is never the same."""
    return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)


def _same(one: Any, other: Any) -> bool:
    if not isinstance(one, Tensor) or not isinstance(other, Tensor):
        return False
    return one.dtype == other.dtype and torch.equal(one.to(other.device), other)


def plain_name(name: str) -> str:
    """The name of a tensor in a plain model: a.parametrizations.weight.original -> a.weight."""
    name = unmarked(name)
    if "parametrizations." not in name:
        return name
    return name.replace("parametrizations.", "").removesuffix(".original")


def unmarked(name: str) -> str:
    """A parameter's or module's name as in the model without sites: a._marked_module.weight -> a.weight."""
    return name.replace(f"{MARKED}.", "").removesuffix(f".{MARKED}")
