"""The layers of any network, from its inputs to its head, as `train.layerwise_lr_decay` counts them."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from regbench.sites import Site

LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def layers_of(net: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each layer, in the order in which the modules were put into the network.

    The network is opened, and so is what in it is a `Sequential`, a `ModuleList` or a `ModuleDict`, or holds,
    at any depth, such a list of two or more blocks of one class; a block is a module with parameters and
    modules in it that is no `Sequential`. What is not opened is a layer: a block, a dense layer, a stem. What
    has vectors alone (a normalization) belongs to the layer before it. Parameters of an opened module itself
    (a class token, positions) belong to the first layer in it. A tied tensor belongs to its first place.
    """
    layers: list[list[nn.Parameter]] = []
    waiting: list[nn.Parameter] = []  # vectors before the first layer
    seen: set[int] = set()
    for unit in _units(net):
        new = [parameter for parameter in unit if id(parameter) not in seen]
        seen.update(map(id, new))
        if not new:
            continue
        if any(parameter.dim() > 1 for parameter in new):
            layers.append([*waiting, *new])
            waiting = []
        elif layers:
            layers[-1] += new
        else:
            waiting += new
    return [*layers, waiting] if waiting else layers


def _units(module: nn.Module) -> Iterator[list[nn.Parameter]]:
    """The parameters of each module that is not opened; an opened one's own come with the first of these."""
    own = list(module.parameters(recurse=False))
    for child in module.children():
        if not any(True for _ in child.parameters()):
            continue
        inner = _body(child)
        units = _units(inner) if type(inner) in LISTS or _holds_blocks(inner) else iter([])
        beside = {id(p) for p in inner.parameters()}
        first = next(units, None)
        if first is None:
            yield [*own, *child.parameters()]
        else:
            yield [*own, *first]
            yield from units
            yield [p for p in child.parameters() if id(p) not in beside]  # what members put around a site
        own = []
    if own:
        yield own


def _body(module: nn.Module) -> nn.Module:
    """What stands at a site; any other module itself."""
    return _body(module.body) if isinstance(module, Site) else module


def _holds_blocks(module: nn.Module) -> bool:
    return any(isinstance(one, LISTS) and _are_blocks(one) for one in module.modules())


def _are_blocks(several: nn.Module) -> bool:
    """Whether a list holds two or more blocks of one class."""
    kinds = [
        type(inner)
        for inner in map(_body, several.children())
        if not isinstance(inner, nn.Sequential)
        and any(True for _ in inner.children())
        and any(True for _ in inner.parameters())
    ]
    return len(set(kinds)) < len(kinds)
