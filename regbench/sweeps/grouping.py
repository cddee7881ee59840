"""Which jobs of a sweep may be trained together: alike but for the seed and for numbers that are no sizes."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from regbench.instantiation.locating import locate
from regbench.instantiation.signatures import classes_in, hints_of

T = TypeVar("T")
NUMBER = "a number"  # stands for any
PARTS = ("optimizer", "schedule", "reg")  # whose numbers may differ


def groups(jobs: Sequence[T], kinds: Sequence[Hashable], most: Sequence[int]) -> list[list[T]]:
    """The jobs in groups of one kind, each kind in as few and as even ones as there may be.

    Args:
        jobs: in order; groups are in the order of the first of each.
        kinds: of each job; None of one that goes alone.
        most: how many jobs the group of each job may have, at least 1, and alike for a kind.
    """
    of: dict[Hashable, list[int]] = {}
    for place, kind in enumerate(kinds):
        of.setdefault(("alone", place) if kind is None else ("alike", kind), []).append(place)
    parts = (evenly(places, math.ceil(len(places) / most[places[0]])) for places in of.values())
    made = sorted(part for several in parts for part in several)
    return [[jobs[place] for place in part] for part in made]


def evenly(jobs: Sequence[T], parts: int) -> list[list[T]]:
    """Jobs in so many groups, none of which has two more than another."""
    bounds = [part * len(jobs) // parts for part in range(parts + 1)]
    return [list(jobs[first:last]) for first, last in pairwise(bounds)]


def shape(config: Mapping[str, Any]) -> str:
    """What jobs share that may be trained together: a configuration without seed and numbers, as one text.

    Numbers are what a class takes as a float: rates, strengths, learning rates; integers are sizes.

    Args:
        config: resolved.
    """
    kept = {name: value for name, value in config.items() if name != "seed"}
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
