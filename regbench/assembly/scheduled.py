"""A member from its node, some of its numbers schedules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from regbench.composition.kinds import REGULARIZER, STRENGTH, schedules_in
from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing
from regbench.instantiation.fields import make
from regbench.instantiation.locating import locate
from regbench.instantiation.signatures import classes_in, hints_of, parameters_of
from regbench.records.identity import later_fields
from regbench.regularizers.base import Regularizer
from regbench.strengths import ends


@dataclass(frozen=True)
class Whole:
    """A schedule of a whole number: the nearest to what another says, a half going to the even one.

    Attributes:
        of: the other.
    """

    of: Callable[[float], float]

    def __call__(self, progress: float) -> int:
        return round(self.of(progress))

    def __str__(self) -> str:
        return str(self.of)


def make_member(node: Mapping[str, Any], key: str) -> Regularizer:
    """The regularizer of a node; a field whose value is a schedule begins with its value farthest from off.

    Args:
        node: with a `_target_`.
        key: its own.

    Raises:
        ConfigError: it cannot be made, one value on the way of a schedule is refused by the class, or a field
            cannot follow one.
    """
    nodes = schedules_in(node, key)
    if not nodes:
        return _made(node, key)
    hints = hints_of(locate(node["_target_"], key))
    schedules = {name: _schedule(inner, f"{key}.{name}", hints[name]) for name, inner in nodes.items()}
    limits = {name: _limits(schedule, f"{key}.{name}") for name, schedule in schedules.items()}
    for values in product(*limits.values()):  # what is legal at all ends is so between them
        member = _made({**node, **dict(zip(limits, values, strict=True))}, key)
    farthest = {name: _farthest(pair, type(member).off.get(name, 0.0)) for name, pair in limits.items()}
    member = _made({**node, **farthest}, key)
    for name in schedules:
        _require_following(member, name, key)
    member.schedules = schedules
    return member


def _made(node: Mapping[str, Any], key: str) -> Regularizer:
    """A member; a field that its class got after the node was written has the value that changes nothing."""
    cls = locate(node["_target_"], key)
    later = later_fields(cls) if isinstance(cls, type) else {}
    taken = {name: value for name, value in later.items() if name in parameters_of(cls)}
    made: Regularizer = make({**taken, **node}, key, REGULARIZER)
    return made


def _schedule(node: Mapping[str, Any], key: str, hint: Any) -> Callable[[float], float]:
    made: Callable[[float], float] = make(node, key, STRENGTH)
    return made if float in (classes_in(hint, inside=False) or ()) else Whole(made)


def _limits(schedule: Callable[[float], float], key: str) -> tuple[float, float]:
    """The smallest and the largest value of a schedule.

    Raises:
        ConfigError: it returns what is no finite number.
    """
    with refusing(f"{key}: "):
        found = ends(schedule)
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{key}: must be a finite number throughout the run, got {value!r}")
    return found


def _farthest(pair: tuple[float, float], off: float | None) -> float:
    """The value farthest from off; of a limit, which is off where there is none, the smallest."""
    return min(pair) if off is None else max(pair, key=lambda value: abs(value - off))


def _require_following(member: Regularizer, name: str, key: str) -> None:
    """Refuse a schedule of what would not follow it.

    Raises:
        ConfigError: it would not.
    """
    why = member.why_fixed(name)
    if not why:
        return
    able = [field for field in member.follows if not member.why_fixed(field)]
    others = f"of its fields {', '.join(able)} can" if able else "none of its fields can"
    raise ConfigError(f"{key}: {name} must be a number and cannot follow a schedule, as {why}; {others}")
