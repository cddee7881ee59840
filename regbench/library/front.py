"""A person's model as the members see it, and the person's own again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

from regbench.assembly.sites import mark_sites, settle_noise, told_of_noise
from regbench.nn.normalization import Normalized
from regbench.nn.snapshots import WithWeights
from regbench.types import Split

Sites = Literal["auto", "none"] | Mapping[str, list[str]]
OwnNoise = Literal["keep", "off"]
SEE = "; sites={KIND: [PATH]} names more, by globs over the paths of its modules"


class Front(Normalized):
    """A person's model behind nothing: it takes a batch's inputs and returns nothing but logits (B, C)."""

    def __init__(self, net: nn.Module, outputs: int) -> None:
        super().__init__(nn.Identity(), net, outputs)


def fronted(model: nn.Module, train: Split, sites: Sites, own_noise: OwnNoise) -> Normalized:
    """The model as members see it, its places marked where it marks none.

    Args:
        model: of a person, or standardized by `regbench.normalized`.
        train: rows that say what its inputs are like.
        sites: `auto`, `none`, or globs over the paths of its modules by kind.
        own_noise: off switches off the dropout and the stochastic depth that it brings along.

    Raises:
        ConfigError: `sites` is wrong, or names what cannot be marked.
    """
    front = model if isinstance(model, Normalized) else Front(model, train.num_classes)
    settle_noise(front.net, {"own_noise": own_noise})
    first = next(model.parameters(), torch.empty(0))
    device, dtype = first.device, first.dtype  # before the parameter itself is moved
    node = {"sites": sites if isinstance(sites, str) else dict(sites)}
    front.cpu()  # where the rows are that show what its modules return
    with _numbers_of(dtype):
        said = mark_sites(front, node, tuple(train.inputs.shape[1:]), train.vocabulary)
    front.to(device)
    front.note = "\n".join(filter(None, [front.note, *told_of_noise(front.net), said]))
    front.sought = SEE if front.sought else ""
    return front


@contextmanager
def _numbers_of(dtype: torch.dtype) -> Iterator[None]:
    """Within, tensors are made in this precision, where it is one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype if dtype.is_floating_point else before)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def judged(module: nn.Module) -> nn.Module:
    """What is evaluated of the person's own model: itself, or a front whose outputs are others."""
    if isinstance(module, Front) and module._forward_hooks:  # an ensemble's mean is no state of one model
        return module
    return unfronted(module)


def unfronted(module: nn.Module) -> nn.Module:
    """The person's own model again, or a view of it with other weights."""
    if isinstance(module, Front):
        return module.net
    if isinstance(module, WithWeights) and isinstance(module.model, Front):
        own = {n.removeprefix("net."): tensor for n, tensor in module.state.items() if n.startswith("net.")}
        return WithWeights(module.model.net, own)
    return module
