"""What a class or function takes and returns, by its signature and its annotations."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Annotated, Any, Literal, Union

from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing


def parameters_of(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """What a call takes; anything, where a compiled function does not tell."""
    try:
        return _known(target) if isinstance(target, Hashable) else inspect.signature(target).parameters
    except (ValueError, TypeError):
        return {"values": inspect.Parameter("values", inspect.Parameter.VAR_KEYWORD)}


@functools.lru_cache(maxsize=512)
def _known(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Of the few that all jobs of a sweep are made by, thousands of times."""
    return inspect.signature(target).parameters


def takes(target: Callable[..., Any], name: str) -> bool:
    """Whether a call may be given an argument of that name."""
    parameters = parameters_of(target)
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def hints_of(target: Callable[..., Any]) -> dict[str, Any]:
    """Annotations of what is called; none where a person's own cannot be resolved."""
    while isinstance(target, functools.partial):
        target = target.func
    function = target.__init__ if inspect.isclass(target) else target  # type: ignore[misc]
    try:
        with refusing(""):  # an annotation may be any expression
            return typing.get_type_hints(function)
    except ConfigError:
        return {}


def classes_in(hint: Any, inside: bool = True) -> set[type] | None:
    """The classes that an annotation asks for; None where it does not say.

    Args:
        hint: an annotation, resolved.
        inside: whether what a list or mapping holds is meant, and not the list itself.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _together([classes_in(one, inside) for one in arguments])
    if origin is Annotated:
        return classes_in(arguments[0], inside)
    if origin is Literal:
        return {type(word) for word in arguments}
    if inside and inspect.isclass(origin) and issubclass(origin, Iterable) and _is_container(origin):
        return _together([classes_in(one) for one in arguments if one is not ...])
    kind = origin or hint
    return None if not inspect.isclass(kind) or _says_nothing(kind, inside) else {kind}


def _together(found: list[set[type] | None]) -> set[type] | None:
    if None in found:
        return None
    return {one for classes in found for one in classes or ()}


def _is_container(kind: type) -> bool:
    return kind.__module__ in ("builtins", "collections.abc", "typing")


def _says_nothing(kind: type, inside: bool) -> bool:
    """Whether an annotation leaves open what is meant: object, a protocol, a list of anything, a callable."""
    if kind in (Any, object, type) or getattr(kind, "_is_protocol", False):
        return True
    return kind.__module__ == "collections.abc" or (inside and kind in (list, tuple, dict, set, frozenset))
