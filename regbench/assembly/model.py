"""The model of a configuration: made, its weights tied, tried in both of its modes before anything trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from regbench.assembly.footprint import require_room
from regbench.assembly.freezing import freeze
from regbench.assembly.initial_weights import read_initial
from regbench.assembly.matched_weights import start_from
from regbench.assembly.remedies import remedy
from regbench.assembly.sites import mark_sites, settle_noise, told_of_noise
from regbench.composition.kinds import MODEL
from regbench.composition.settings import MODEL_KEYS, Config
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing
from regbench.instantiation.checking import look
from regbench.instantiation.fields import converted, make_and_tell
from regbench.instantiation.signatures import takes
from regbench.nn.buffers import kept_buffers
from regbench.nn.logits import checked_logits
from regbench.nn.normalization import Normalization, Normalized
from regbench.nn.tying import tie
from regbench.streams import kept_draws, seed_draws
from regbench.types import Dataset

Begin = Callable[[nn.Module], None]


def build_model(
    node: Config, data: Dataset, seed: int, dataset: Config | None = None, initial: bool = True
) -> nn.Module:
    """The plain model with its normalization in front, its initial weights fixed by the seed or by a file.

    Args:
        node: the model's part of the configuration.
        data: what it is to learn.
        seed: of the run.
        dataset: the dataset's part of the configuration, for advice where the two do not fit.
        initial: read the file of weights that it starts from, if there is one; a checkpoint's need none.

    Raises:
        ConfigError: it cannot be made, or does not return logits (B, C) in both of its modes.
    """
    require_room(
        node,
        {"in_shape": tuple(data.in_shape), "num_classes": data.num_classes, "vocabulary": data.vocabulary},
    )
    normalization = Normalization.of(data.train) if data.vocabulary is None else nn.Identity()

    start, notes = read_initial(node) if initial else None, []

    def begin(net: nn.Module) -> None:
        if start is not None:
            notes.append(start_from(net, start, data.num_classes))

    def built(words: Config, begin: Begin | None = None) -> Normalized:
        seed_draws(seed)
        net = build_net({**node, **words}, data.in_shape, data.num_classes, data.vocabulary, begin)
        return Normalized(normalization, net, data.num_classes)

    def fits(words: Config) -> None:
        try_out(built(words), inputs, data.num_classes, data.task.returned)

    model = built({}, begin)
    inputs = data.train[:2].inputs
    try:
        notes.append(try_out(model, inputs, data.num_classes, data.task.returned))
    except ConfigError as error:
        advice = remedy(str(error), node, dataset or {}, data, model.net, fits)
        raise ConfigError(f"{error}{advice}") from error.__cause__
    notes += [*told_of_noise(model.net), mark_sites(model, node, data.in_shape, data.vocabulary)]
    model.note = "\n".join(filter(None, notes))
    return model


def build_net(
    node: Config,
    in_shape: Sequence[int],
    num_classes: int,
    vocabulary: int | None,
    begin: Begin | None = None,
) -> nn.Module:
    """The plain model of a configuration, weights tied and frozen as it says, none of them uninitialized.

    Args:
        node: the model's part of the configuration.
        in_shape: per-example shape of the inputs.
        num_classes: C.
        vocabulary: number of token ids; None where inputs are none.
        begin: gives the model weights to start from, before they are tied.

    Raises:
        ConfigError: it cannot be made, is no module, takes no token ids where inputs are such, or a tie or
            what is to be frozen is wrong.
    """
    values = {name: value for name, value in node.items() if name not in MODEL_KEYS}
    given = {"in_shape": tuple(in_shape), "num_classes": num_classes, "vocabulary": vocabulary}
    _require_tokens_taken(node, vocabulary)
    net, taken = make_and_tell(values, "model", MODEL, given)
    if vocabulary is not None and "vocabulary" not in taken:
        raise ConfigError(_no_tokens(node))
    _initialize_lazy(net, in_shape, vocabulary)
    if begin is not None:
        begin(net)
    _tie_weights(net, node)
    freeze(net, node)
    settle_noise(net, node)
    return net


def _require_tokens_taken(node: Config, vocabulary: int | None) -> None:
    """Refuse a model that would take token ids for pixels: one that does not ask how many there are."""
    if vocabulary is not None and not takes(look(node, "model", MODEL), "vocabulary"):
        raise ConfigError(_no_tokens(node))


def _no_tokens(node: Config) -> str:
    name = str(node["_target_"]).rpartition(".")[2]
    return (
        f"model: {name} takes no token ids, got a text dataset; models for text are rnn, transformer, "
        "and your own whose signature has `vocabulary`"
    )


def _initialize_lazy(net: nn.Module, in_shape: Sequence[int], vocabulary: int | None) -> None:
    """Give parameters that wait for a first forward pass (nn.LazyLinear) their shapes and values.

    Raises:
        ConfigError: the forward pass fails, or some are not reached by it.
    """
    rows = torch.zeros(2, *in_shape) if vocabulary is None else torch.ones(2, *in_shape, dtype=torch.int64)
    for training in (False, True):  # what stands only in the way of training is reached by the second
        if not _lazy(net):
            return
        with torch.no_grad(), kept_buffers(net), _in_forward(rows):
            net.train(training)(rows)
    net.train()
    if _lazy(net):
        raise ConfigError(f"model: its forward pass never reaches {_some(_lazy(net))}, which wait for it")


def _lazy(net: nn.Module) -> list[str]:
    named = chain(net.named_parameters(), net.named_buffers())
    return [name for name, tensor in named if is_lazy(tensor)]


def _tie_weights(net: nn.Module, node: Config) -> None:
    """Tie what the model's node lists under `tie`, in place.

    Raises:
        ConfigError: the list or one of its paths is wrong.
    """
    pairs = converted(node.get("tie", []), list[list[str] | str], "model: tie")
    try:
        tie(net, pairs)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def try_out(model: Normalized, inputs: Tensor, num_classes: int, called: str = "logits") -> str:
    """Show a model two rows, and one as the last of an evaluation may be, in evaluation and in training.

    Neither its running statistics nor anybody's random numbers are moved.

    Args:
        model: any, on the CPU.
        inputs: (2, ...), or (1, ...) of a dataset that has no more.
        num_classes: C, or K of numbers.
        called: what it returns, in words.

    Returns:
        What a person should know of it, or nothing.

    Raises:
        ConfigError: it raises something, changes its inputs, or does not return finite logits (B, C) that
            depend on parameters which are trained.
    """
    before = inputs.clone()
    with kept_buffers(model), kept_draws([]):
        model.eval()
        with torch.no_grad():
            for rows in (inputs, inputs[:1]):
                _logits(model, rows, num_classes, called)
        model.train()
        note = _note(model, _logits(model, inputs, num_classes, called, " in training"), called)
    if not torch.equal(inputs, before):
        raise ConfigError("model: must leave its inputs as they are, and its forward pass changes them")
    return note


def _logits(model: nn.Module, rows: Tensor, num_classes: int, called: str, when: str = "") -> Tensor:
    with _in_forward(rows, when):
        output = model(rows)
    try:
        return checked_logits(output, len(rows), num_classes, called)
    except ValueError as error:
        raise ConfigError(f"model: {error}{when}") from error


def _in_forward(rows: Tensor, when: str = "") -> Any:
    return refusing(f"model: must take inputs of shape {tuple(rows.shape)}{when}, and says: ")


def _note(model: nn.Module, logits: Tensor, called: str) -> str:
    """Which parameters the logits do not depend on, so that no step trains them.

    Raises:
        ConfigError: these are all, or the gradient cannot be computed.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not trained:
        count = len(list(model.parameters()))
        reason = f"each of its {count} has requires_grad=False" if count else "it has none"
        raise ConfigError(f"model: must have parameters to train, and {reason}")
    if not logits.requires_grad:
        raise ConfigError(
            f"model: its {called} must have a gradient, and none leads back to its parameters (no_grad, "
            "detach, or a new tensor made of numbers)"
        )
    with refusing("model: must have a gradient in training, and says: "):
        gradients = torch.autograd.grad(
            logits.float().logsumexp(1).sum(), [*trained.values()], allow_unused=True
        )
    without = [n for n, g in zip(trained, gradients, strict=True) if g is None]
    if len(without) == len(trained):
        raise ConfigError(
            f"model: its {called} must depend on its parameters, and depend on none that is trained"
        )
    if not without:
        return ""
    names = _some([name.removeprefix("net.") for name in without])
    return f"its {called} do not depend on {names}, so nothing trains {'it' if len(without) == 1 else 'them'}"


def _some(names: Sequence[str]) -> str:
    """A few names out of many."""
    few, more = list(names[:2]), len(names) - 2
    return f"{', '.join(few)} and {more} more parameters" if more > 0 else " and ".join(few)
