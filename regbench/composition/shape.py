"""What configurations share that differ in nothing but their seed and numbers that are no sizes."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from regbench.instantiation.locating import locate
from regbench.instantiation.signatures import classes_in, hints_of

NUMBER = "a number"  # stands for any
PARTS = ("optimizer", "schedule", "reg")  # whose numbers may differ


def shape(config: Mapping[str, Any]) -> str:
    """A configuration without seed, sinks and numbers, as one text.

    Numbers are what a class takes as a float: rates, strengths, learning rates; integers are sizes.

    Args:
        config: resolved.
    """
    kept = {name: value for name, value in config.items() if name not in ("seed", "sinks")}
    kept |= {name: _numbered(config[name]) for name in PARTS}
    for part in ("train", "model"):
        kept[part] = {name: NUMBER if name == "lr" else value for name, value in config[part].items()}
    return json.dumps(kept, sort_keys=True, default=str)


def _numbered(node: Any) -> Any:
    """A node and those in it, each number in the place of a float called a number."""
    if not isinstance(node, Mapping):
        return node
    floats = _floats(node["_target_"]) if "_target_" in node else frozenset()
    order = list(node)  # of a stack's members it counts
    return [order, {name: _masked(value, name in floats) for name, value in node.items()}]


def _masked(value: Any, takes_float: bool) -> Any:
    if isinstance(value, Mapping):
        return _numbered(value)
    is_number = isinstance(value, float) or (takes_float and type(value) is int)
    return NUMBER if is_number else value


@functools.lru_cache(maxsize=256)
def _floats(target: Any) -> frozenset[str]:
    """The arguments of a class that are floats, or may be; none of one that cannot be found."""
    try:
        hints = hints_of(locate(target, "_target_"))
    except Exception:  # whoever builds it says why
        return frozenset()
    return frozenset(name for name, hint in hints.items() if float in (classes_in(hint, False) or ()))
