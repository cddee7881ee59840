"""Groups of parameters that learn at factors of their own: `train.lr_factors`, `layerwise_lr_decay`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from torch import nn

from regbench.assembly.globs import matched
from regbench.assembly.layer_order import layers_of
from regbench.composition.settings import TrainSettings
from regbench.errors import ConfigError, counted
from regbench.optimizers import LR_FACTOR
from regbench.weights import plain_parameters


@dataclass(frozen=True)
class Groups:
    """What an optimizer is given, and how that is told.

    Attributes:
        params: parameters where all learn at one rate, else groups, each with its rate and factor.
        note: a sentence a line; empty where all learn at one rate.
    """

    params: list[Any]
    note: str = ""


def grouped(model: nn.Module, train: TrainSettings) -> Groups:
    """The model's parameters by the factor of their learning rate, in the order of their first ones.

    The factors of `lr_factors` and of `layerwise_lr_decay` are multiplied. Without either there are no
    groups, and the optimizer is given the parameters themselves.

    Raises:
        ConfigError: a glob names nothing, two name one parameter, or there is one layer only.
    """
    parameters = list(model.parameters())
    if not train.lr_factors and train.layerwise_lr_decay == 1:
        return Groups(parameters)
    net = getattr(model, "net", model)
    by_layer, told = _by_layer(net, train.layerwise_lr_decay)
    by_glob = _by_glob(model, train.lr_factors or {})
    groups: dict[float, list[nn.Parameter]] = {}
    for parameter in parameters:
        factor = by_layer.get(id(parameter), 1.0) * by_glob.get(id(parameter), 1.0)
        groups.setdefault(factor, []).append(parameter)
    made = [{"params": held, "lr": train.lr * factor, LR_FACTOR: factor} for factor, held in groups.items()]
    shown = ", ".join(f"{factor:.3g} ({counted(len(held), 'tensor')})" for factor, held in groups.items())
    return Groups(made, f"{told}factors of the learning rate: {shown}")


def _by_layer(net: nn.Module, decay: float) -> tuple[dict[int, float], str]:
    """Each parameter's factor by its layer: 1 in the last, the head, and `decay` more in each below."""
    if decay == 1:
        return {}, ""
    layers = layers_of(net)
    if len(layers) < 2:
        raise ConfigError(
            f"train: layerwise_lr_decay needs a model of two layers or more, and {type(net).__name__} has "
            f"{len(layers)} that can be told apart; name parameters by train.lr_factors"
        )
    factors = {id(p): decay**depth for depth, layer in enumerate(reversed(layers)) for p in layer}
    return factors, f"{len(layers)} layers, "


def _by_glob(model: nn.Module, factors: Mapping[str, float]) -> dict[int, float]:
    named = {name.removeprefix("net."): one for name, one in plain_parameters(model).items()}
    chosen = matched(factors, named, "train: lr_factors")
    for one, other in combinations(chosen, 2):
        both = {id(p) for p in chosen[one]} & {id(p) for p in chosen[other]}
        name = next((name for name, p in named.items() if id(p) in both), None)
        if name is not None:
            raise ConfigError(
                f"train: lr_factors must name each parameter once, and {one!r} and {other!r} both name {name}"
            )
    return {id(p): factors[glob] for glob, held in chosen.items() for p in held}
