"""Jobs of a sweep in groups that are trained together."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


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
