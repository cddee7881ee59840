"""The weights that a run starts from (`model.init`): read, and put into a model with nothing left unsaid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from regbench.composition.settings import Config
from regbench.errors import ConfigError, brief, listed, nearest
from regbench.instantiation.fields import converted
from regbench.storage import weight_files
from regbench.weights import plain_name

# what others put before all names: DataParallel, torch.compile, regbench itself, Lightning and the like
PREFIXES = ("module.", "_orig_mod.", "net.", "model.")
NORMALIZATION = "normalization."  # of a run's checkpoint: its inputs', not the model's
COUNTED = "num_batches_tracked"  # of batch normalizations, and absent from old files
MOST_NAMED = 3


@dataclass(frozen=True)
class InitialWeights:
    """Weights to start from.

    Attributes:
        path: of their file, or of the run that has them.
        tensors: by name.
        what: names them, in words that a sentence begins with.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    what: str = "model: init"


def initial_path(node: Config) -> Path | None:
    """The file that the model's part of a configuration starts from; None where it starts from none.

    Raises:
        ConfigError: what is asked for is no path, or there is no such file.
    """
    asked = converted(node.get("init"), str | None, "model: init")
    if asked is None:
        return None
    path = Path(asked)
    try:
        if not asked or not path.exists():
            raise ConfigError(f"model: init must be a file of weights, and there is none at {brief(asked)!r}")
        return weight_files.file_of(path)
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error


def initial_digest(node: Config, recorded: str = "") -> str:
    """A digest of the file that a model starts from; empty where it starts from none.

    Args:
        node: the model's part of the configuration.
        recorded: what it was when the run began, if it has; it stands for a file that is gone since.

    Raises:
        ConfigError: it cannot be read, or is another than that recorded.
    """
    if recorded and isinstance(node.get("init"), str) and not Path(node["init"]).exists():
        return recorded
    path = initial_path(node)
    if path is None:
        return ""
    try:
        found = weight_files.digest(path)
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error
    if recorded and found != recorded:
        raise ConfigError(
            f"model: init must be the file that the run has started from, and {brief(path)} holds others by "
            "now; put it back, or train into a new folder"
        )
    return found


def read_initial(node: Config) -> InitialWeights | None:
    """The weights that a model starts from; None where it starts from none.

    Raises:
        ConfigError: they cannot be read, or are no finite numbers.
    """
    path = initial_path(node)
    if path is None:
        return None
    try:
        tensors = weight_files.read(path)
    except (OSError, ValueError) as error:
        raise _refused(path, error) from error
    return finite(InitialWeights(path, _plainly_named(tensors)))


def weights_of_run(file: Path, folder: str, key: str) -> InitialWeights:
    """The weights in a file of a run's, without the normalization of its inputs.

    Args:
        file: of the folder.
        folder: of the run, as it is named.
        key: that names it.

    Raises:
        ConfigError: they cannot be read, or are no finite numbers.
    """
    try:
        tensors = weight_files.read(file)
    except (OSError, ValueError) as error:
        said = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{key}: must be the folder of a run, and {brief(file)} {said}") from error
    return finite(InitialWeights(Path(folder), _plainly_named(tensors), f"{key}:"))


def finite(weights: InitialWeights) -> InitialWeights:
    """The same weights.

    Raises:
        ConfigError: they are no finite numbers.
    """
    named = weights.tensors.items()
    odd = next((n for n, t in named if t.is_floating_point() and not t.isfinite().all()), None)
    if odd is not None:
        path = brief(weights.path)
        raise ConfigError(f"{weights.what} must hold finite numbers, and {brief(odd)} in {path} has others")
    return weights


def _refused(path: Path, error: Exception) -> ConfigError:
    if isinstance(error, ConfigError):
        return error
    said = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
    return ConfigError(f"model: init must be a file of weights, and {brief(path)} {said}")


def _plainly_named(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors without what a checkpoint of ours holds beside the model."""
    if any(name.startswith("net.") for name in tensors):
        return {name: one for name, one in tensors.items() if not name.startswith(NORMALIZATION)}
    return dict(tensors)


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
