"""DropConnect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn
from torch.nn.utils import parametrize

from regbench.nn.weight_noise import (
    Averaged,
    Inference,
    InTraining,
    MaskedWeight,
    Scaled,
    TellDeviation,
    gaussian_outputs,
    has_own_outputs,
    masked_by_example,
)
from regbench.regularizers.base import Optimizer, Regularizer
from regbench.sites import Site
from regbench.space import Domain, Interval
from regbench.weights import plain_name

Mask = Literal["default", "example", "batch", "gaussian"]
Scale = Literal["inverted", "classic"]
Layers = Literal["default", "dense", "conv", "recurrent", "all"]
KINDS = {"dense": "dense", "conv": "convolutional", "recurrent": "recurrent"}
MASKS = {"dense": ["gaussian", "batch", "example"], "conv": ["gaussian", "batch"], "recurrent": ["batch"]}


@dataclass
class DropConnect(Regularizer):
    """Drop each weight with probability p while training; biases are spared.

    u_b = (M_b * W) v_b + b, * elementwise, M_b ~ Bernoulli(1 - p) for each weight. mask example: each example
    b has its own M_b, shared by its positions where v_b is (T, in). mask batch: one M for a whole forward
    pass. mask gaussian: no M; u_b is drawn, each element by itself, from the normal distribution with the
    mean and variance that u_b has under mask example. mask default: gaussian, and batch in recurrent layers.
    scale inverted: masked weights are divided by 1 - p, and evaluation has u = W v + b. scale classic: they
    are not, and evaluation has u = (1 - p) W v + b, which is inverted acting on (1 - p) W.
    inference mean: the activation a is given that u. gaussian: the mean of a(u) over `samples` draws of
    u ~ N(mean, s^2), s^2 = p (1 - p) (W * W)(v * v), over (1 - p)^2 where inverted. closed: the limit of many
    samples for a ReLU, mean * Phi(mean / s) + s * phi(mean / s).

    Departures from the paper: p drops, where the paper's p keeps; biases are not masked; the draws of
    inference gaussian are the same for every example and in every evaluation. Recurrent layers, whose
    state-to-state weights alone are masked, are from Merity et al. (2018, https://arxiv.org/abs/1708.02182,
    section 3). Where p follows a schedule, evaluation has that of the epoch's last step.

    Paper: Wan et al., 2013, https://proceedings.mlr.press/v28/wan13.html, section 3

    Attributes:
        p: the drop probability, in [0, 1).
        mask: who shares a mask; convolutions know batch and gaussian, recurrent layers batch. Of one mask the
            noise of all examples' gradients is the same and averages out in no batch.
        inference: what evaluation puts out; other than mean it takes a hidden site straight behind the layer.
        samples: draws of inference gaussian, at least 1.
        scale: whether training or evaluation is scaled.
        layers: which ones; default: the recurrent layers if there are any, else all dense layers but the
            last, else the only one.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such layer, or one that the
            mask or the inference does not suit, or that another member masks for each example;
            `prepare_optimizer`: another member has put a normalization between a layer and its hidden site.
    """

    kind = "noise on weights"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.7)}
    follows = ("p",)
    fixed: ClassVar[Mapping[str, str]] = {"samples": "it belongs to evaluation alone"}

    p: float
    mask: Mask
    inference: Inference
    samples: int
    scale: Scale
    layers: Layers

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")
        self._model: nn.Module = nn.Identity()
        self._chosen: dict[str, nn.Module] = {}
        self._hooks: list[InTraining] = []
        self._scaled: list[Scaled] = []

    def follow(self, progress: float) -> None:
        super().follow(progress)
        for hook in self._hooks:
            hook.p = self.p
        for scaled in self._scaled:
            scaled.factor = 1 - self.p

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        self._model, self._chosen = model, choose(model, self.layers)
        self._require_suited_masks()
        behind = self._sites_behind()
        if any(isinstance(wrapper, Averaged) for site in behind.values() for wrapper in site.around):
            raise ValueError(f"inference must be mean where another member averages, got {self.inference}")
        for name, layer in self._chosen.items():
            self._put_on(name, layer)
            if name in behind:
                seed = self.stream.at(name).seed_of("inference")
                averaged = Averaged(self.p, self.inference, self.samples, seed)
                if self.schedules:
                    averaged.keep("p")
                behind[name].around.insert(0, averaged)  # what others put around sees its output
                layer.register_forward_hook(TellDeviation(averaged))
        return model

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        self._sites_behind()  # once more, now that every member has had the model
        return optimizer

    def note(self) -> str:
        names = ", ".join(map(shown, self._chosen))
        return f"drops weights of {names}" if names else ""

    def shared_noise(self) -> float:
        # of recurrent weights one mask a batch is the method; others may have one for each example
        shared = [layer for layer in self._chosen.values() if kind_of(layer) != "recurrent"]
        return self.p if self.mask == "batch" and shared else 0.0

    def _put_on(self, name: str, layer: nn.Module) -> None:
        mask = MASKS[kind_of(layer)][0] if self.mask == "default" else self.mask
        for weight in state_to_state(layer) or ["weight"]:
            if self.scale == "classic":
                self._scale(layer, weight)
            if mask == "batch":
                masked = MaskedWeight(self.p, self.stream, f"{name}.{weight}")
                parametrize.register_parametrization(layer, weight, masked)
        if mask != "batch":
            act = masked_by_example if mask == "example" else gaussian_outputs
            if mask == "example" and _computes_anew(layer):
                raise ValueError(f"another member drops weights of {shown(name)} for each example; keep one")
            # outputs that are computed anew come before what other members add to them
            hook = InTraining(act, self.p, self.stream.at(name))
            layer.register_forward_hook(hook, prepend=mask == "example")
            self._hooks.append(hook)

    def _scale(self, layer: nn.Module, weight: str) -> None:
        scaled = Scaled(1 - self.p)
        if self.schedules:
            scaled.keep("factor")
        parametrize.register_parametrization(layer, weight, scaled)
        self._scaled.append(scaled)

    def _require_suited_masks(self) -> None:
        for name, layer in self._chosen.items():
            kind = kind_of(layer)
            if self.mask not in ["default", *MASKS[kind]]:
                wanted = " or ".join(sorted(MASKS[kind]))
                raise ValueError(
                    f"mask must be {wanted} for {KINDS[kind]} layers such as {shown(name)}, got {self.mask}"
                )

    def _sites_behind(self) -> dict[str, Site]:
        """The hidden site behind each chosen layer; empty where the inference needs none."""
        found: dict[str, Site] = {}
        for name in self._chosen if self.inference != "mean" else ():
            site = site_behind(self._model, name)
            if site is None:
                raise ValueError(
                    f"inference must be mean for {shown(name)}, whose output goes straight into no hidden "
                    f"site, got {self.inference}"
                )
            if self.inference == "closed" and not isinstance(site.body, nn.ReLU):
                raise ValueError(
                    f"inference must be mean or gaussian for {shown(name)}, whose activation is no ReLU, "
                    f"got closed"
                )
            found[name] = site
        return found


def _computes_anew(layer: nn.Module) -> bool:
    hooks = layer._forward_hooks.values()
    return any(isinstance(hook, InTraining) and hook.act is masked_by_example for hook in hooks)


def shown(name: str) -> str:
    """Name a module as in the person's own model, behind the normalization in front of it."""
    return plain_name(name).removeprefix("net.").removesuffix(".body")


def kind_of(layer: nn.Module) -> str:
    """The kind of a layer that has weights to drop: dense, conv or recurrent; else an empty string."""
    if has_own_outputs(layer):
        return "dense" if isinstance(layer, nn.Linear) else "conv"
    return "recurrent" if state_to_state(layer) else ""


def state_to_state(layer: nn.Module) -> list[str]:
    """Attributes of a recurrent layer that hold its state-to-state weights; of any other, none."""
    names: Sequence[str] = getattr(layer, "regularized", ())
    if isinstance(layer, nn.RNNBase):
        names = layer._flat_weights_names
    elif isinstance(layer, nn.RNNCellBase):
        names = ["weight_hh"]
    return [name for name in names if name.startswith("weight_hh")]


def choose(model: nn.Module, layers: Layers) -> dict[str, nn.Module]:
    """Name and module of the layers that `layers` names, in the order of the model's modules.

    Raises:
        ValueError: there are none.
    """
    kinds = {name: (kind_of(module), module) for name, module in model.named_modules()}
    found = {kind: {n: m for n, (k, m) in kinds.items() if k == kind} for kind in KINDS}
    every = {name: module for name, (kind, module) in kinds.items() if kind}
    dense = found["dense"]
    hidden = dict(list(dense.items())[:-1])
    chosen = (found | {"all": every, "default": found["recurrent"] or hidden or dense})[layers]
    if not chosen:
        called = type(getattr(model, "net", model)).__name__
        wanted = KINDS.get(layers, "dense, convolutional or recurrent")
        raise ValueError(f"{called} has no {wanted} layer to drop weights of")
    return chosen


def site_behind(model: nn.Module, layer: str) -> Site | None:
    """The hidden site that comes next after a layer, with nothing but empty norm sites between."""
    names = [(name, module) for name, module in model.named_modules()]
    start = [name for name, _ in names].index(layer) + 1
    passed = layer
    for name, module in names[start:]:
        if name.startswith(f"{passed}."):  # a part of what has been passed already
            continue
        if isinstance(module, Site) and module.kind == "hidden":
            return module
        empty = isinstance(module, Site) and isinstance(module.body, nn.Identity) and module.untouched
        if not (empty and module.kind == "norm"):
            return None
        passed = name
    return None
