"""Dataclasses as the objects of a JSON file, and back, whatever the file holds."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

LEFT_OUT = {"left out": True}  # metadata of a field that is not written where it is None
Reader = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses become objects whose keys are in the order of their fields."""
    if is_dataclass(value):
        pairs = ((one, getattr(value, one.name)) for one in fields(value))
        return {one.name: plain(held) for one, held in pairs if held is not None or one.metadata != LEFT_OUT}
    if isinstance(value, list):
        return [plain(held) for held in value]
    return value


def parsed(kind: Any, value: Any) -> Any:
    """What a value of a file is as this type; where it is of another, what stands for nothing.

    That is None where the type has it, else an empty text, list or object, or 0; an object of no keys is
    None where there may be None. What lists and plain objects hold is passed on as it is, unless it is a
    dataclass. Keys that no field has are passed over. Of an enum the value must be one.

    Args:
        kind: a dataclass, or the annotation of a field of one.
        value: as the JSON reader made it.
    """
    return _reader(kind)(value)


@lru_cache(maxsize=256)
def _reader(kind: Any) -> Reader:
    owner, inner = get_origin(kind) or kind, get_args(kind)
    if owner in (Union, types.UnionType):
        (other,) = (one for one in inner if one is not type(None))
        fits, read, is_object = _fits(other), _reader(other), is_dataclass(get_origin(other) or other)
        return lambda value: read(value) if fits(value) and (value or not is_object) else None
    if is_dataclass(owner):
        return _object_reader(kind)
    if issubclass(owner, Enum):
        return owner  # type: ignore[no-any-return]
    fits = _fits(kind)
    if owner is list and is_dataclass(get_origin(inner[0]) or inner[0]):
        each = _reader(inner[0])
        return lambda value: [each(one) for one in value] if fits(value) else []
    return lambda value: value if fits(value) else owner()


def _object_reader(kind: Any) -> Reader:
    """Of a dataclass: a field that has a value of its own keeps it where the object lacks the key."""
    owner = get_origin(kind) or kind
    hints = get_type_hints(owner)
    own = dict(zip(getattr(owner, "__parameters__", ()), get_args(kind), strict=True))
    readers = {
        one.name: (
            _reader(own[hint] if isinstance(hint := hints[one.name], TypeVar) else hint),
            one.default is MISSING and one.default_factory is MISSING,
        )
        for one in fields(owner)
    }

    def read(value: Any) -> Any:
        held = value if isinstance(value, dict) else {}
        return owner(
            **{
                name: read_one(held.get(name))
                for name, (read_one, needed) in readers.items()
                if needed or name in held
            }
        )

    return read


def _fits(kind: Any) -> Callable[[Any], bool]:
    """Whether a value is of a type, as far as `parsed` looks."""
    owner = get_origin(kind) or kind
    if is_dataclass(owner) or owner is dict:
        return lambda value: isinstance(value, dict)
    if owner is float:
        return lambda value: type(value) in (int, float)
    if owner is int:
        return lambda value: type(value) is int
    return lambda value: isinstance(value, owner)
