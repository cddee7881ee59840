"""The memory that a model of this package takes, found before any of it is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from inspect import isfunction
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as registry

from regbench.composition.kinds import MODEL
from regbench.composition.settings import MODEL_KEYS, whole
from regbench.errors import ConfigError
from regbench.instantiation.fields import make_and_tell
from regbench.instantiation.locating import locate
from regbench.storage.reading import machine_memory

COPIES = 3  # of each weight: itself, its gradient, the optimizer's memory of it
MOST_MODULES = 20_000
SMALL = 1000  # wide: with this package's depths, it takes megabytes
LARGEST_SIZE = 10_000_000  # of a width or a depth


def require_room(node: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse one of this package's models that is larger than the machine's memory.

    It is built without its numbers, on the device `meta`. Models of others, and what a function of ours makes
    of them, are left alone: what they do while they are built is theirs.

    Args:
        node: the model's part of the configuration.
        given: what its class is told beside that.

    Raises:
        ConfigError: it is too large; the message names the largest of its values.
    """
    target = str(node.get("_target_"))
    if not target.startswith("regbench.") or isfunction(locate(target, "model")):
        return
    values = {name: value for name, value in node.items() if name not in MODEL_KEYS}
    wholes = {name: whole(value) for name, value in values.items()}
    numbers = {n: v for n, v in wholes.items() if isinstance(v, int) and not isinstance(v, bool)}
    largest = max(numbers, key=lambda name: numbers[name], default="_target_")
    if numbers and numbers[largest] ** 2 * math.prod(max(1, abs(one)) for one in numbers.values()) < SMALL**3:
        return  # building without numbers takes time too
    if numbers and numbers[largest] > LARGEST_SIZE:
        raise ConfigError(f"model: {largest} must be at most {LARGEST_SIZE:,}, got {numbers[largest]}")
    counted = _counted(f"model: {largest} must be smaller, got {numbers.get(largest)}:")
    with (
        suppress(RuntimeError, NotImplementedError),
        torch.random.fork_rng([]),
        torch.device("meta"),
        counted,
    ):
        make_and_tell(values, "model", MODEL, given)


@contextmanager
def _counted(what: str) -> Iterator[None]:
    """Refuse, in words that begin so, modules and parameters that are too many, as they are made."""
    room, taken, modules = machine_memory(), 0, 0

    def count_parameter(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal taken
        taken += parameter.numel() * parameter.element_size() * COPIES if parameter is not None else 0
        if taken > room:
            raise ConfigError(
                f"{what} training takes {taken / 1e9:,.0f} GB, and this machine has {room / 1e9:,.0f}"
            )

    def count_module(_module: nn.Module, _name: str, _part: nn.Module | None) -> None:
        nonlocal modules
        modules += 1
        if modules > MOST_MODULES:
            raise ConfigError(f"{what} it must have at most {MOST_MODULES} layers")

    hooks = [
        registry.register_module_parameter_registration_hook(count_parameter),
        registry.register_module_module_registration_hook(count_module),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
