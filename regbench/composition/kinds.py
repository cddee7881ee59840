"""What each group of a configuration is made of, and a whole configuration looked at before any of it is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

from regbench.instantiation.checking import Distrust, Kind, asked_for, look, look_within
from regbench.instantiation.signatures import classes_in, hints_of
from regbench.optimizers import uncompiled
from regbench.regularizers.base import Regularizer, Stack
from regbench.sinks.base import Sink


def _has(cls: type, *names: str) -> bool:
    return all(hasattr(cls, name) for name in names)


def _is_called(cls: type) -> bool:
    """Whether objects of a class can be called; a class itself always can."""
    return any("__call__" in vars(one) for one in cls.__mro__)


def _closure(cls: type) -> str:
    step = getattr(cls, "step", None)
    parameters = list(inspect.signature(step).parameters.values())[1:] if step else []
    if any(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters
    ):
        return "must step without being given a closure, as each step is to see its batch once"
    return ""


def _no_dataclass(cls: type) -> str:
    return "" if is_dataclass(cls) or issubclass(cls, Stack) else "must be a dataclass"


MODEL = Kind("a torch module", lambda cls: issubclass(cls, nn.Module))
REGULARIZER = Kind("a Regularizer", lambda cls: issubclass(cls, Regularizer), flaw=_no_dataclass)
DATASET = Kind(
    "a Source, or a map-style Dataset with __len__ and __getitem__",
    lambda cls: issubclass(cls, Dataset | list | tuple) or _has(cls, "fetch", "train"),  # lists of rows too
    loosely=lambda cls: _has(cls, "__len__", "__getitem__") or _has(cls, "fetch"),
)
OPTIMIZER = Kind(
    "a torch optimizer",
    lambda cls: issubclass(cls, Optimizer),
    loosely=lambda cls: _has(cls, "step", "zero_grad"),
    flaw=_closure,
    called=uncompiled,
)
SCHEDULE = Kind(
    "a schedule, a dataclass whose objects are called with the progress of the run",
    lambda cls: is_dataclass(cls) and _is_called(cls) and not issubclass(cls, nn.Module),
    loosely=_is_called,
)
STRENGTH = Kind(
    "a schedule of a strength, a dataclass whose objects are called with the progress of the run",
    SCHEDULE.suits,
    loosely=_is_called,
)
SINK = Kind("a Sink", lambda cls: issubclass(cls, Sink))
KIND_OF = {"model": MODEL, "dataset": DATASET, "optimizer": OPTIMIZER, "schedule": SCHEDULE}


def look_at(config: Mapping[str, Any], distrust: Distrust | None = None) -> None:
    """Look at all that a configuration names, sinks apart, before any of it is called.

    A run is read without its sinks, which `assembly.sinks` looks at where it is trained.

    Args:
        config: resolved.
        distrust: of one that is not the person's own command line.

    Raises:
        ConfigError: something named is not of the kind that is due there.
    """
    for name, value in config.items():
        if name == "sinks":
            continue
        if name == "reg":
            _look_at_stack(value, "reg", distrust)
        elif name in KIND_OF and isinstance(value, Mapping) and "_target_" in value:
            look(value, name, KIND_OF[name], distrust)
        else:
            look_within(value, name, distrust=distrust)


def _look_at_stack(members: Any, key: str, distrust: Distrust | None) -> None:
    for name, node in members.items() if isinstance(members, Mapping) else ():
        if isinstance(node, Mapping) and "_target_" in node:
            schedules_in(node, f"{key}.{name}", distrust)
        else:
            _look_at_stack(node, f"{key}.{name}", distrust)


def schedules_in(node: Mapping[str, Any], key: str, distrust: Distrust | None = None) -> dict[str, Any]:
    """The nodes of a member that stand where its class takes a number: schedules of these values.

    The member and all within it is looked at; nothing is called.

    Args:
        node: of a member, with a `_target_`.
        key: its own.
        distrust: see `look`.

    Raises:
        ConfigError: something named is not of the kind that is due there.
    """
    nested = {n: v for n, v in node.items() if isinstance(v, Mapping) and "_target_" in v}
    target = look({n: v for n, v in node.items() if n not in nested}, key, REGULARIZER, distrust)
    hints = hints_of(target)
    found = {n: inner for n, inner in nested.items() if takes_number(hints.get(n))}
    for name, inner in nested.items():
        kind = STRENGTH if name in found else asked_for(hints.get(name, Any))
        look(inner, f"{key}.{name}", kind, distrust)
    return found


def takes_number(hint: Any) -> bool:
    """Whether an annotation is that of a number, or of one that may be left out."""
    classes = (classes_in(hint, inside=False) or set()) - {type(None)}
    return bool(classes) and classes <= {int, float}
