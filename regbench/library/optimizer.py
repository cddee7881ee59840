"""The optimizer of a person's own loop: its `step` becomes the members' too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import Any

from torch import nn

from regbench.assembly.run import members_prepare
from regbench.errors import ConfigError, brief
from regbench.library.own_run import OwnRun

STEPPING = "_regbench_stepping"


def prepared(run: OwnRun, optimizer: Any, step: Callable[[Any], Any]) -> Any:
    """The optimizer within the wrappers of the members, its own `step` replaced by another.

    The object stays the person's own, so that schedulers and trainers see the optimizer that they know, and
    nobody steps past the members. Within `stepping` it steps as it always did.

    Args:
        run: its model prepared.
        optimizer: of torch; parameters of the person's model that it lacks stay out of it.
        step: called with the closure, or None.

    Raises:
        ConfigError: it is no optimizer, has been prepared before, holds none of the model's parameters, or a
            member refuses it.
    """
    chain = within_wrappers(run, optimizer)
    plain = optimizer.step

    @functools.wraps(plain)  # a scheduler leaves its mark on what it has wrapped
    def stepped(self: Any, closure: Callable[[], Any] | None = None) -> Any:
        if getattr(self, STEPPING):
            return plain() if closure is None else plain(closure)
        return step(closure)

    setattr(optimizer, STEPPING, False)
    optimizer.step = MethodType(stepped, optimizer)
    return chain


def within_wrappers(run: OwnRun, optimizer: Any) -> Any:
    """The optimizer within the wrappers of the members, which also holds what they have added to the model.

    Raises:
        ConfigError: as of `prepared`.
    """
    if not hasattr(optimizer, "step") or not isinstance(getattr(optimizer, "param_groups", None), list):
        raise ConfigError(f"optimizer: must be a torch optimizer, got {brief(type(optimizer).__name__)}")
    if hasattr(optimizer, STEPPING):
        raise ConfigError("optimizer: a stack has been applied to it already; make it anew")
    _follow(optimizer, run.model, run.own_parameters)
    with members_prepare():
        return run.reg.prepare_optimizer(optimizer)


@contextmanager
def stepping(optimizer: Any) -> Iterator[None]:
    """Within, the optimizer's `step` is its own."""
    setattr(optimizer, STEPPING, True)
    try:
        yield
    finally:
        setattr(optimizer, STEPPING, False)


def _follow(optimizer: Any, model: nn.Module, own: Sequence[nn.Parameter]) -> None:
    """Let the groups hold what the model has now: parameters that members have added go to the first.

    What a person has left out of the optimizer is not to be trained, and stays out.

    Raises:
        ConfigError: none of the parameters is the model's.
    """
    groups = optimizer.param_groups
    now = list(model.parameters())
    there, held = set(map(id, now)), {id(p) for group in groups for p in group["params"]}
    if not there & held:
        raise ConfigError("optimizer: must hold the parameters of the model, and holds none of them")
    for group in groups:
        group["params"] = [p for p in group["params"] if id(p) in there]
    known = held | set(map(id, own))
    added = [p for p in now if id(p) not in known and p.requires_grad]
    if len(groups) == 1:  # in the model's order, which sums of norms depend on
        kept = held & there | set(map(id, added))
        groups[0]["params"] = [p for p in now if id(p) in kept]
    else:
        groups[0]["params"] += added
