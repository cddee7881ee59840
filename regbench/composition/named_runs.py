"""Which values of a stack are folders of runs, told by source text: no module of anybody's is imported."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regbench.composition.source_text import off_of, reads_runs_of

NO_PATH = ("", "???")


@dataclass(frozen=True)
class NamedRun:
    """A value that is the folder of a run.

    Attributes:
        key: of the member.
        field: of the member, as its class writes it in `reads_runs`.
        node: of the member; the value stands there.
        is_off: whether the member is, so that nothing is read there.
    """

    key: str
    field: str
    node: dict[str, Any]
    is_off: bool = False

    @property
    def full_key(self) -> str:
        """The value's own key."""
        return f"{self.key}.{self.field}"

    @property
    def path(self) -> str:
        """The value."""
        return str(self.node[self.field])


def named_runs(stack: Any, typed_in: str | None = None, key: str = "reg") -> Iterator[NamedRun]:
    """Every folder of a run that a stack names, in the order of its members.

    Args:
        stack: nodes by name, or anything else, in which there are none.
        typed_in: a folder more in which a person's own classes may lie.
        key: the stack's own.
    """
    for name, node in stack.items() if isinstance(stack, dict) else ():
        if not isinstance(node, dict):
            continue
        inner, target = f"{key}.{name}", node.get("_target_")
        if target is None:
            yield from named_runs(node, typed_in, inner)
            continue
        # a folder's name may look like a number; `_target_` is one of these values
        asked = [n for n, value in node.items() if type(value) in (str, int, float) and value not in NO_PATH]
        if len(asked) > 1 and isinstance(target, str):
            fields, off = _told(target, (os.getcwd(), typed_in or "", *sys.path))
            is_off = bool(off) and all(node.get(field) == value for field, value in off.items())
            yield from (NamedRun(inner, field, node, is_off) for field in asked if field in fields)


@functools.lru_cache(maxsize=1024)  # each job of a sweep has the same
def _told(target: str, folders: tuple[str, ...]) -> tuple[Collection[str], Mapping[str, Any]]:
    """What a class reads runs by, and its off values; nothing where none of the folders has the text of it.

    Args:
        target: of the class.
        folders: those that a person's own modules would be imported from.
    """
    parts = target.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        return (), {}
    with suppress(OSError, ValueError, RecursionError, MemoryError):  # a file that cannot be read, or parsed
        roots = tuple(map(Path, dict.fromkeys(filter(None, folders))))
        return tuple(reads_runs_of(target, roots)), off_of(target, roots)
    return (), {}
