"""What a stack may consist of, before any member of it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regbench.errors import ConfigError


def require_members(stack: Any, key: str = "reg") -> None:
    """Refuse a stack with values where a member or a stack is due: those of a member that was never added.

    Args:
        stack: nodes by name; one without `_target_` is a stack within it. Anything else has none, and
            is refused with the other groups of settings (`read_settings`).
        key: its own.

    Raises:
        ConfigError: it has such values.
    """
    for name, node in stack.items() if isinstance(stack, Mapping) else ():
        inner = f"{key}.{name}"
        if not isinstance(node, Mapping):
            _, absent, *_ = inner.split(".")
            raise ConfigError(f"{inner}: set, but reg.{absent} was never added; add it with +reg={absent}")
        if "_target_" not in node:
            require_members(node, inner)
