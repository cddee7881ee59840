"""What may be a site of a kind: by the type of a module, and by what a forward pass showed of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from regbench.nn.marking.attending import Attending, Probabilities, is_plain_attention
from regbench.nn.marking.marked import Behind, Marked, Residual
from regbench.nn.marking.trace import NORMS, Seen, Trace
from regbench.sites import Kind

# torch, timm and transformers keep their activations in modules of this name
ACTIVATIONS = re.compile(r"(^|.*\.)activations?")
NO_ACTIVATION = (nn.MultiheadAttention, nn.Softmax, nn.Softmin, nn.LogSoftmax, nn.Softmax2d)
SKIPS = re.compile(
    r"drop_?path|stochastic_?depth", re.IGNORECASE
)  # a class, or the name that a block gives it
Form = type[Marked]
Noise = Literal["all", "last", "none"]


@dataclass
class Place:
    """A module that becomes a site.

    Attributes:
        path: the first under which the model has it.
        module: what stands there.
        kind: of the site.
        form: how the site stands there.
        calls: of the module.
        noise: at which of the calls noise acts unless told where.
    """

    path: str
    module: nn.Module
    kind: Kind
    form: Form
    calls: list[Seen]
    noise: Noise


@dataclass
class View:
    """A model and what one forward pass of it showed.

    Attributes:
        paths: of every module but the model itself, the first under which it is found.
        trace: of the forward pass.
    """

    paths: dict[str, nn.Module]
    trace: Trace

    def seen(self, path: str) -> Seen | None:
        """The last call of a module, where it had any and always saw rows."""
        calls = self.trace.of(self.paths[path])
        return calls[-1] if calls else None

    def gated(self, path: str) -> bool:
        """Whether a module stands in one that multiplies its inputs, such as squeeze-and-excitation."""
        last = self.seen(path)
        return last is not None and any(
            one.gate for outer in last.within for one in self.trace.of(outer) if outer is not last.within[0]
        )


Found = dict[str, Form]  # by path
Finder = Callable[[View, list[str]], Found]


def activations(view: View, paths: list[str]) -> Found:
    """Modules of the types that torch, timm and transformers call activations, not those of a gate."""
    found = [p for p in paths if is_activation(view.paths[p]) and _is_by_row(view, p) and not view.gated(p)]
    return {p: Marked for p in found if view.trace.of(view.paths[p])[-1].output is not view.trace.output}


def normalizations(view: View, paths: list[str]) -> Found:
    """Normalizations of torch's types, unless they hold an activation, or whatever else, as well."""
    found = [p for p in paths if isinstance(view.paths[p], NORMS) and not _has_parts(view.paths[p])]
    return {p: Marked for p in found if _is_by_row(view, p)}


def embeddings(view: View, paths: list[str]) -> Found:
    """Tables that are asked for the model's own inputs, token ids."""
    return {p: Marked for p in paths if isinstance(view.paths[p], nn.Embedding) and _takes_inputs(view, p)}


def branches(view: View, paths: list[str]) -> Found:
    """Stochastic depth's modules; where there are none, the innermost residual blocks."""
    skips = [p for p in paths if _skips(p, view.paths[p]) and _keeps_shape(view, p)]
    if skips:
        return dict.fromkeys(skips, Marked)
    blocks = [p for p in paths if _keeps_shape(view, p) and (seen := view.seen(p)) and seen.residual]
    inner = [p for p in blocks if not any(other.startswith(f"{p}.") for other in blocks)]
    return dict.fromkeys(inner, Residual)


def attentions(view: View, paths: list[str]) -> Found:
    """Torch's attention, softmaxes of an attention, and dropouts of its probabilities."""
    found: Found = {}
    for path in paths:
        module, seen = view.paths[path], view.seen(path)
        if seen is None:
            continue
        if is_plain_attention(module) and seen.inputs.ndim == 3:
            found[path] = Attending
        elif isinstance(module, nn.Softmax) and seen.output.ndim > 3 and _sums_to_one(seen.output):
            found[path] = Marked
        elif (
            isinstance(module, _DropoutNd | nn.Identity)
            and seen.inputs.ndim > 3
            and _sums_to_one(seen.inputs)
        ):
            found[path] = Probabilities
    softmaxes = {id(view.trace.of(view.paths[p])[-1].output) for p, form in found.items() if form is Marked}
    return {
        p: form
        for p, form in found.items()
        if form is not Probabilities or id(view.trace.of(view.paths[p])[-1].inputs) not in softmaxes
    }


def outputs(view: View, paths: list[str]) -> Found:
    """Any modules, a site behind each."""
    return {p: Behind for p in paths if _is_by_row(view, p)}


def shape_keeping(view: View, paths: list[str]) -> Found:
    """Any modules whose outputs have their inputs' shape: f of x + f(x), or a normalization of one's own."""
    return {p: Marked for p in paths if _keeps_shape(view, p)}


@dataclass(frozen=True)
class Rule:
    """How the places of a kind are found.

    Attributes:
        auto: finds them among all modules.
        named: finds them among those that a glob names where `auto` finds none of them.
        due: what a named module must be, for a sentence.
    """

    auto: Finder
    named: Finder
    due: str


def _none(view: View, paths: list[str]) -> Found:
    return {}


RULES: Mapping[Kind, Rule] = {
    "embedding": Rule(embeddings, _none, "an nn.Embedding that is given the model's token ids"),
    "norm": Rule(normalizations, shape_keeping, "a module whose output has its input's shape"),
    "hidden": Rule(activations, outputs, "a module that returns a row for each row"),
    "attention": Rule(
        attentions, _none, "an nn.MultiheadAttention, a softmax of an attention, or a dropout behind one"
    ),
    "branch": Rule(branches, shape_keeping, "a module whose output has its input's shape"),
}


def maps(view: View) -> list[str]:
    """Convolutions whose outputs are maps (C, H, W), for a model whose activations have none."""
    convolutions = [p for p, module in view.paths.items() if isinstance(module, nn.Conv2d)]
    return [p for p in convolutions if _is_by_row(view, p) and not view.gated(p)]


def is_activation(module: nn.Module) -> bool:
    """Whether a module's type is one of the activations of torch, timm or transformers."""
    known = ACTIVATIONS.fullmatch(type(module).__module__) is not None
    return known and not isinstance(module, NO_ACTIVATION) and not _has_parts(module)


def _skips(path: str, module: nn.Module) -> bool:
    name = path.rpartition(".")[2]
    return SKIPS.search(type(module).__name__) is not None or (
        SKIPS.match(name) is not None and isinstance(module, nn.Identity)
    )


def _has_parts(module: nn.Module) -> bool:
    return any(True for _ in module.children())


def _is_by_row(view: View, path: str) -> bool:
    calls = view.trace.of(view.paths[path])
    return bool(calls) and all(one.by_row and one.output.is_floating_point() for one in calls)


def _keeps_shape(view: View, path: str) -> bool:
    calls = view.trace.of(view.paths[path])
    return bool(calls) and all(one.by_row and one.alone and one.keeps_shape for one in calls)


def _takes_inputs(view: View, path: str) -> bool:
    seen, rows = view.seen(path), view.trace.rows
    return seen is not None and seen.inputs.shape == rows.shape and torch.equal(seen.inputs, rows)


def _sums_to_one(values: Tensor) -> bool:
    if not values.is_floating_point() or bool((values < 0).any()):
        return False
    sums = values.detach().double().sum(-1)
    return torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
