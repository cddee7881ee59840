"""A person's model as the members see it, and the person's own again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from regbench.assembly.sites import mark_sites, settle_noise, told_of_noise
from regbench.errors import ConfigError, listed
from regbench.nn.normalization import Normalized
from regbench.nn.snapshots import WithWeights
from regbench.sites import Site
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


def judged(module: nn.Module, inputs: Tensor) -> nn.Module:
    """What is evaluated of the person's own model: itself, or a front whose outputs are others.

    Args:
        module: what members evaluate.
        inputs: some rows, to see whether anything before the person's model changes them in evaluation.
    """
    front = module.model if isinstance(module, WithWeights) else module
    if isinstance(front, Front) and (front._forward_hooks or _changes(front.input, inputs)):
        return module  # an ensemble's mean, and what a member does to the inputs, are no state of one model
    return unfronted(module)


@torch.no_grad()
def _changes(site: nn.Module | None, inputs: Tensor) -> bool:
    """Whether a site before the person's model is more than the identity in evaluation."""
    if not isinstance(site, Site) or site.untouched:
        return False
    before = site.training
    try:
        return not torch.equal(site.eval()(inputs), inputs)
    finally:
        site.train(before)


def state_around(module: nn.Module) -> dict[str, Tensor]:
    """What members keep in the front of a person's model, which the model's own state does not hold."""
    if not isinstance(module, Front):
        return {}
    return {name: tensor for name, tensor in module.state_dict().items() if not name.startswith("net.")}


def load_around(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Take up what `state_around` returned.

    Raises:
        ConfigError: it is of other members.
    """
    if not isinstance(module, Front):
        return
    own = module.state_dict()
    around = {name for name in own if not name.startswith("net.")}
    if around != state.keys():
        raise ConfigError(
            f"state: what members keep around the model must be {listed(around) or 'nothing'}, got "
            f"{listed(state) or 'nothing'}"
        )
    module.load_state_dict({**own, **state})


def unfronted(module: nn.Module) -> nn.Module:
    """The person's own model again, or a view of it with other weights."""
    if isinstance(module, Front):
        return module.net
    if isinstance(module, WithWeights) and isinstance(module.model, Front):
        own = {n.removeprefix("net."): tensor for n, tensor in module.state.items() if n.startswith("net.")}
        return WithWeights(module.model.net, own)
    return module
