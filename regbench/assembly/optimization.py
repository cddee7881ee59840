"""The optimizer and the schedule of a configuration, looked at before they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from regbench.composition.kinds import OPTIMIZER, SCHEDULE
from regbench.composition.settings import LARGEST_SINGLE, Config
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing, shown
from regbench.instantiation.checking import look
from regbench.instantiation.fields import make
from regbench.instantiation.signatures import takes
from regbench.optimizers import innermost

HELD = ("_target_", "lr")  # what an optimizer is made with in any case
KERNELS = ("fused", "foreach", "differentiable")  # of torch's optimizers: how an update is computed


def build_optimizer(
    node: Config, model: nn.Module, lr: float, groups: Sequence[Any] | None = None
) -> torch.optim.Optimizer:
    """The optimizer over all of the model's parameters.

    Args:
        node: the optimizer's part of the configuration.
        model: whose parameters it changes.
        lr: its learning rate.
        groups: the parameters, by themselves or in groups; None: those of the model.

    Raises:
        ConfigError: a setting is wrong, it needs a closure, or it decays weights by itself.
    """
    values = {**node, "lr": lr}
    if values.get("weight_decay"):
        raise ConfigError(
            f"optimizer: weight_decay must be 0, got {values['weight_decay']}; weights are decayed by +reg=l2"
        )
    for name, value in values.items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and abs(number) > LARGEST_SINGLE:
                raise ConfigError(
                    f"optimizer: {name} must be at most {LARGEST_SINGLE:g} in size, got {number}"
                )
    target = look(values, "optimizer", OPTIMIZER)
    for name in ("params", "lr"):
        if not takes(target, name):
            raise ConfigError(
                f"optimizer._target_: must take params and lr, and {node['_target_']} takes no {name}"
            )
    params = list(model.parameters()) if groups is None else groups
    optimizer = _made(values, params, fused=_can_be_fused(target, values, model))
    with refusing("optimizer: "):
        groups = getattr(innermost(optimizer), "param_groups", None)
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise ConfigError(
            f"optimizer._target_: must have param_groups, a list of dicts, and {node['_target_']} has none"
        )
    if any(group.get("weight_decay") for group in groups):
        raise ConfigError("optimizer: decays weights by its own default; set +optimizer.weight_decay=0")
    return optimizer


def _can_be_fused(target: Any, values: Config, model: nn.Module) -> bool:
    """Whether torch has one kernel for the update of all parameters, and nothing else was asked for."""
    if any(name in values for name in KERNELS) or not takes(target, "fused"):
        return False
    if not str(getattr(target, "__module__", "")).startswith("torch.optim."):
        return False
    sparse = any(getattr(module, "sparse", False) is True for module in model.modules())  # of an embedding
    return not sparse and all(_is_plain(parameter) for parameter in model.parameters())


def _is_plain(parameter: nn.Parameter) -> bool:
    """Whether a parameter is one that torch's fused kernels take."""
    usual = type(parameter) is nn.Parameter and parameter.layout is torch.strided
    return usual and parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda")


def _made(values: Config, params: Sequence[Any], **more: bool) -> Any:
    """The optimizer of these values; of a value that torch refuses in its own words the key is told.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        return _make(values, params, **more)
    except ConfigError as error:
        if not str(values["_target_"]).startswith("torch.") or not isinstance(error.__cause__, ValueError):
            raise
        said = str(error.__cause__)
        blamed = next((name for name in values if name not in HELD and _is_made(values, name, params)), None)
        if blamed is None:
            raise
        beside = [f"optimizer.{name}={values[name]}" for name in values if name != blamed and name in said]
        value = values[blamed]
        got = f"got {'true' if value is True else value}{' beside ' if beside else ''}{' '.join(beside)}"
        right = f"; type optimizer.{blamed}=false" if value is True else ""
        raise ConfigError(f"optimizer.{blamed}: {said}, {got}{right}") from error


def _is_made(values: Config, without: str, params: Sequence[Any]) -> bool:
    """Whether the optimizer is made where one of its values is left at its default."""
    left = {name: value for name, value in values.items() if name != without}
    try:
        _make(left, params)
    except ConfigError:
        return False
    return True


def _make(values: Config, params: Sequence[Any], fused: bool = False) -> Any:
    """The optimizer; groups are copied, for torch writes the rest of its settings into them."""
    copied = [dict(one) if isinstance(one, dict) else one for one in params]
    return make(values, "optimizer", OPTIMIZER, params=copied, **({"fused": True} if fused else {}))


def build_schedule(node: Config) -> Callable[[float], float]:
    """The schedule, tried at the start of a run, in its middle and at its end.

    Raises:
        ConfigError: a setting is wrong, or its factors are no finite numbers from 0.
    """
    schedule = make(node, "schedule", SCHEDULE)
    for progress in (1e-6, 0.5, 1 - 1e-6):
        with refusing("schedule: "):
            factor = schedule(progress)
        with refusing("schedule: "):
            sound = not isinstance(factor, bool) and 0 <= float(factor) < float("inf")
        if not sound:
            got = shown(repr(factor), 50)
            raise ConfigError(
                f"schedule: its factor must be a finite number from 0, got {got} at {progress:g} of the run"
            )
    return schedule
