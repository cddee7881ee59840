"""Models of others: where regularizers act in them, and the noise that they bring along."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Literal

import torch
from torch import Tensor, nn

from regbench.composition.settings import Config
from regbench.errors import ConfigError, brief, listed
from regbench.instantiation.boundary import refusing
from regbench.instantiation.fields import converted
from regbench.nn.buffers import kept_buffers
from regbench.nn.logits import logits_of
from regbench.nn.marking.attending import Probabilities
from regbench.nn.marking.mark import Marking, Wanted, has_sites, mark, twin
from regbench.nn.normalization import Normalized
from regbench.nn.own_noise import own_noise, silence
from regbench.sites import Site
from regbench.streams import keyed_draws
from regbench.weights import plain_name

OwnNoise = Literal["keep", "off"]
SEE = "; `regbench list sites` shows what was found in it, model.sites={KIND: [PATH]} names more"
SHOWN = 3  # of what is too long to be listed


def mark_sites(model: Normalized, node: Config, in_shape: Sequence[int], vocabulary: int | None) -> str:
    """Mark the places of a model that marks none, as its node's `sites` says; another is left alone.

    Args:
        model: that runs; what it computes stays as it is, to the bit.
        node: the model's part of the configuration.
        in_shape: of an example.
        vocabulary: number of token ids; None where the inputs are none.

    Returns:
        What a person should know of it, or nothing.

    Raises:
        ConfigError: `sites` is wrong, or names what cannot be marked.
    """
    wanted = _wanted(node.get("sites", "auto"))
    if has_sites(model.net):
        if wanted != {}:
            name = type(model.net).__name__
            raise ConfigError(
                f"model: sites must be auto for {name}, which marks its own, got {node['sites']}"
            )
        return ""
    if wanted is None:
        return ""
    model.sought = SEE
    rows = _rows(in_shape, vocabulary)
    note = ""
    try:
        with refusing("model: its forward pass says: "):
            plain = _output(twin(model.net), rows)
            marking = _marked(model, rows, wanted)
            _require_alike(model, rows, plain, marking, bool(wanted))
    except ConfigError as error:
        if wanted:
            raise
        note = f"its modules cannot be marked as sites, for {str(error).removeprefix('model: ')}"
    if vocabulary is None:
        model.input = Site("input", in_shape)
    model.train()
    return note


def _wanted(value: Any) -> Wanted | None:
    """What is asked for: nothing beside `auto`, globs by kind, or None for no sites at all.

    Raises:
        ConfigError: it is none of these.
    """
    if value == "auto":
        return {}
    if value is None or value == "none":
        return None
    if not isinstance(value, dict):
        raise ConfigError(
            f"model: sites must be auto, none, or lists of paths by kind, got {brief(repr(value))}"
        )
    return {
        kind: "auto" if globs == "auto" else converted(globs, list[str], f"model: sites.{kind}")
        for kind, globs in value.items()
    }


def _rows(in_shape: Sequence[int], vocabulary: int | None) -> Tensor:
    """Two rows that no data decide, so that a loaded model is marked like the one that was trained."""
    with keyed_draws("rows that show sites"):
        if vocabulary is None:
            return torch.randn(2, *in_shape)
        return torch.randint(1, max(2, vocabulary), (2, *in_shape))


def _output(net: nn.Module, rows: Tensor) -> Tensor:
    """The logits in training, and below them those in evaluation."""
    with keyed_draws("sites"), torch.no_grad(), kept_buffers(net):
        return torch.cat([logits_of(net.train(training)(rows)) for training in (True, False)])


def _marked(model: Normalized, rows: Tensor, wanted: Wanted) -> Marking:
    try:
        with keyed_draws("sites"), kept_buffers(model):
            return mark(model.net, rows, wanted)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def _require_alike(model: Normalized, rows: Tensor, plain: Tensor, marking: Marking, named: bool) -> None:
    """See that the marked model computes what it did, and drop sites that its forward pass goes past.

    Raises:
        ConfigError: it computes something else, or goes past a site that was asked for.
    """
    reached: set[str] = set()
    copied = twin(model.net)
    try:
        with ExitStack() as handles:
            for path, module in copied.named_modules():
                if isinstance(module, Site):
                    hook = module.register_forward_pre_hook(lambda *_, path=path: reached.add(path))  # type: ignore[misc]
                    handles.callback(hook.remove)
            again = _output(copied, rows)
        if not torch.equal(again, plain):
            raise ConfigError(
                "model: sites would change what it computes, for it reads its modules otherwise than by "
                "calling them"
            )
    except BaseException:
        marking.undo()
        raise
    paths = {site: path for path, site in model.net.named_modules() if isinstance(site, Site)}
    # the fused form of an attention passes by, while nothing acts, what its other form calls
    past = [
        site for site in marking.sites if not isinstance(site, Probabilities) and paths[site] not in reached
    ]
    if past and named:
        raise ConfigError(
            "model: sites must be modules that its forward pass calls as attributes, got "
            f"{listed((plain_name(paths[site]) for site in past), SHOWN)}"
        )
    marking.undo(but=[site for site in marking.sites if site not in past])


def settle_noise(net: nn.Module, node: Config) -> None:
    """Switch off a model's own noise, where its node's `own_noise` says so.

    Raises:
        ConfigError: it says neither keep nor off.
    """
    word = node.get("own_noise", "keep")
    word = "off" if word is False else word  # what YAML makes of it
    if converted(word, OwnNoise, "model: own_noise") == "off":
        silence(net)


def told_of_noise(net: nn.Module) -> list[str]:
    """A sentence on a model's own noise where there is some: then the empty stack is no clean baseline."""
    found = own_noise(net)
    if not found:
        return []
    return [
        f"has noise of its own in every stack, at {listed(found, SHOWN)}; model.own_noise=off switches it off"
    ]
