"""Weights put into a model by their names, with nothing left unsaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from regbench.assembly.initial_weights import NORMALIZATION, InitialWeights
from regbench.errors import ConfigError, brief, listed, nearest
from regbench.weights import plain_name

# what others put before all names: DataParallel, torch.compile, regbench itself, Lightning and the like
PREFIXES = ("module.", "_orig_mod.", "net.", "model.")
COUNTED = "num_batches_tracked"  # of batch normalizations, and absent from old files
MOST_NAMED = 3


def start_from(net: nn.Module, weights: InitialWeights, outputs: int) -> str:
    """Give a model these weights, in place; return what is to be said of it.

    A head of another size keeps its own weights: the tensors of a module that differ from the file's in their
    first dimension alone, which is `outputs` here. So does the last module with parameters where the file has
    nothing of it. Such a module lists them in its attribute `fresh`. A prefix of all names that the model
    does not have is passed over, a missing count of batches is left at 0, and of a tensor that goes by two
    names one is enough.

    Args:
        net: the plain model, not tied yet.
        weights: to start from.
        outputs: of the model, for a row.

    Raises:
        ConfigError: anything else is missing, there and not the model's, or of another shape or type.
    """
    own, theirs, fresh = _matched(net, weights, outputs)
    with torch.no_grad():
        for name in theirs.keys() - set(fresh):
            own[name].copy_(theirs[name])
    _mark(net, fresh)
    if not fresh:
        return ""
    return f"model.init: its head {listed(fresh, MOST_NAMED)} is new, for {_why_new(fresh[0], own, theirs)}"


def fitting(model: nn.Module, weights: InitialWeights, outputs: int) -> dict[str, Tensor]:
    """What `start_from` would give a model, which stays as it is: tensors by the names of its plain state.

    Args:
        model: in front of which inputs may be standardized.
        weights: as of `start_from`.
        outputs: of the model, for a row.

    Raises:
        ConfigError: as `start_from`.
    """
    own, theirs, fresh = _matched(model, weights, outputs)
    by_id = {id(own[name]): theirs[name] for name in theirs.keys() - set(fresh)}
    return {name: by_id[id(tensor)] for name, tensor in own.items() if id(tensor) in by_id}


def _matched(
    model: nn.Module, weights: InitialWeights, outputs: int
) -> tuple[dict[str, Tensor], dict[str, Tensor], list[str]]:
    """A model's own tensors, those of the weights by the same names, and the names of a head that is new."""
    state = model.state_dict(keep_vars=True)
    own = {plain_name(n): t for n, t in state.items() if isinstance(t, Tensor)}
    own = {name: tensor for name, tensor in own.items() if not name.startswith(NORMALIZATION)}
    theirs = _without_prefixes(weights.tensors, own)
    fresh = _heads(own, theirs, outputs)
    given = {name for name in theirs if name in own}
    same = {id(own[name]) for name in given}
    missing = [
        n for n, t in own.items() if n not in given and id(t) not in same and n.rpartition(".")[2] != COUNTED
    ]
    if missing and given and missing == _last_module(model, own):
        fresh, missing = [*fresh, *missing], []
    _require_all(weights, own, theirs, missing)
    _require_alike(weights, own, theirs, fresh)
    return own, theirs, fresh


def _why_new(name: str, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> str:
    if name not in theirs:
        return "the file has none"
    return f"the file's has {len(theirs[name])} outputs and the run {len(own[name])}"


def _without_prefixes(theirs: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names without prefixes that all of them have, and not the model's."""
    found = dict(theirs)
    while True:
        known = (
            prefix
            for prefix in PREFIXES
            if all(name.startswith(prefix) for name in found) and not any(n.startswith(prefix) for n in own)
        )
        prefix = next(known, None)
        if prefix is None or not found:
            return found
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}


def _heads(own: Mapping[str, Tensor], theirs: Mapping[str, Tensor], outputs: int) -> list[str]:
    """The tensors of modules that return other numbers of outputs than those of the file."""
    holders = {
        name.rpartition(".")[0]
        for name, tensor in own.items()
        if name in theirs
        and theirs[name].dim() == tensor.dim() > 0
        and tensor.shape[0] == outputs != theirs[name].shape[0]
        and tensor.shape[1:] == theirs[name].shape[1:]
    }
    return [name for name in own if name.rpartition(".")[0] in holders]


def _last_module(net: nn.Module, own: Mapping[str, Tensor]) -> list[str]:
    """The names of the parameters of the last module that has some."""
    last = list(net.named_parameters())[-1:]
    holder = plain_name(last[0][0]).rpartition(".")[0] if last else ""
    return [name for name in own if name.rpartition(".")[0] == holder]


def _require_all(
    weights: InitialWeights, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor], missing: Sequence[str]
) -> None:
    odd = [name for name in theirs if name not in own]
    if not missing and not odd:
        return
    said = [f"lacks {listed(missing, MOST_NAMED)}"] if missing else []
    said += [f"has {listed(odd, MOST_NAMED)}, which the model lacks"] if odd else []
    close = nearest(odd[0], missing or own) if odd else ""
    raise ConfigError(
        f"{weights.what} must hold the model's weights, and {brief(weights.path)} {' and '.join(said)}{close}"
    )


def _require_alike(
    weights: InitialWeights, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor], fresh: Sequence[str]
) -> None:
    what, path = weights.what, brief(weights.path)
    for name, tensor in own.items():
        other = theirs.get(name)
        if other is None or name in fresh:
            continue
        if other.shape != tensor.shape:
            shapes = f"{tuple(other.shape)} in {path} and {tuple(tensor.shape)} in the model"
            raise ConfigError(f"{what} must hold weights of the model's shapes, and {name} is {shapes}")
        kinds = {(one.is_floating_point(), one.is_complex()) for one in (tensor, other)}
        if len(kinds) > 1:
            raise ConfigError(
                f"{what} must hold numbers of the model's kind, and {name} is {other.dtype} in "
                f"{path} and {tensor.dtype} in the model"
            )


def _mark(net: nn.Module, fresh: Sequence[str]) -> None:
    parameters = dict(net.named_parameters(remove_duplicate=False))
    net.fresh = ()  # type: ignore[assignment]
    for name in fresh:
        if name in parameters:
            holder, _, last = name.rpartition(".")
            module = net.get_submodule(holder)
            module.fresh = (*getattr(module, "fresh", ()), last)  # type: ignore[assignment]
