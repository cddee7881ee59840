"""A stack from its configuration."""

from __future__ import annotations

from regbench.assembly.scheduled import make_member
from regbench.composition.members import require_members
from regbench.composition.settings import Config
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer, Stack
from regbench.streams import keyed_draws


def build_stack(members: Config | None, key: str = "reg", seed: int = 0) -> Stack:
    """The stack that a configuration lists; a node without `_target_` is a stack within it.

    Args:
        members: the nodes by name.
        key: the stack's own, for what is said of a wrong one.
        seed: of the run, for members that draw while they are made.

    Raises:
        ConfigError: a member cannot be made, or two of them exclude each other.
    """
    require_members(members, key)
    made: dict[str, Regularizer] = {}
    for name, node in (members or {}).items():
        inner = f"{key}.{name}"
        if "_target_" in node:
            with keyed_draws(seed, inner, "made"):
                made[name] = make_member(node, inner)
        else:
            made[name] = build_stack(node, inner, seed)
    try:
        return Stack(made)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from error
