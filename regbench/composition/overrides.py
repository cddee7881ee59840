"""Words that Hydra takes in silence, or refuses without their key: looked at before it composes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from regbench.composition.option_files import MADE
from regbench.composition.spelling import bare, typed
from regbench.errors import ConfigError

WHOLE = ("train", "reg", "hydra")  # whose settings an empty mapping would be merged into, and change nothing


def refuse_odd(overrides: Sequence[Any]) -> None:
    """Refuse a word that takes away what must be there, sets nothing, or names no option.

    Args:
        overrides: as Hydra's parser reads them.

    Raises:
        ConfigError: one does.
    """
    for one in overrides:
        complaint = _of_deleted(one) if one.is_delete() else _of_set(one)
        if complaint:
            raise ConfigError(f"{one.key_or_group}: {complaint}")


def _of_deleted(one: Any) -> str:
    key, _, last = one.key_or_group.rpartition(".")
    if _top(one) == "hydra":
        return "must be there, and cannot be taken away"
    if key and last.isdecimal():
        return f"an item of a list cannot be taken away; set the list by {key}=[...]"
    return ""


def _of_set(one: Any) -> str:
    if one.is_sweep_override():
        return ""
    key, value = one.key_or_group, one.value()
    if value == {} and "/" not in key and _top(one) in WHOLE and key != "reg":
        return f"must set something, got {one.input_line}"
    if key.startswith("hydra/") and not isinstance(value, str):
        return f"must be the name of one option, got {one.input_line}"
    if key in MADE and isinstance(value, str) and (one.is_add() or one.is_force_add()):
        return f"is there already and cannot be added; type {typed(bare(one.input_line))}"
    return ""


def _top(one: Any) -> str:
    return re.split(r"[./]", one.key_or_group)[0]
