"""What the scripts go through: every regularizer of the package, its class and its settings."""

from __future__ import annotations

import functools
from typing import Any

from regbench.composition.catalogue import Entry, entries
from regbench.instantiation.locating import locate
from regbench.regularizers.base import Regularizer


@functools.cache
def _entries() -> dict[str, Entry]:
    return {entry.name: entry for entry in entries("reg")}


def members() -> list[str]:
    """The name of every regularizer that has a file in configs/reg."""
    return list(_entries())


def class_of(name: str) -> type[Regularizer]:
    """The class behind a name."""
    found = locate(_entries()[name].target, "reg")
    assert isinstance(found, type)
    assert issubclass(found, Regularizer)
    return found


def node(name: str) -> dict[str, Any]:
    """A member's settings, those at which a few steps show it acting."""
    entry = _entries()[name]
    values = {parameter.name: parameter.default for parameter in entry.parameters}
    return {"_target_": entry.target} | values | dict(class_of(name).visible_at)
