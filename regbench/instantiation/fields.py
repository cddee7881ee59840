"""Config values into the types that a class declares: the class is its own schema."""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Literal, Union

from regbench.errors import ConfigError, brief, nearest
from regbench.instantiation.boundary import refusing
from regbench.instantiation.checking import ANYTHING, Kind, asked_for, look, require_made
from regbench.instantiation.signatures import hints_of, parameters_of, takes


def make(node: Mapping[str, Any], key: str, kind: Kind = ANYTHING, /, **given: Any) -> Any:
    """Call what the node's `_target_` names with its values, and with those of `given` that it takes.

    Raises:
        ConfigError: it is not of the kind that is due, or a field is unknown, missing, of the wrong type, or
            refused by the class.
    """
    return make_and_tell(node, key, kind, given)[0]


def make_and_tell(
    node: Mapping[str, Any], key: str, kind: Kind, given: Mapping[str, Any]
) -> tuple[Any, set[str]]:
    """What `make` makes, and which words of `given` it took.

    A word that the signature names is given. One that could only go through `**kwargs`, to whatever these
    are passed on to, is tried, and left out where that does not take it.

    Raises:
        ConfigError: as of `make`.
    """
    target = look(node, key, kind)
    values = {name: value for name, value in node.items() if name != "_target_"}
    arguments = checked(target, values, key, given)
    named = parameters_of(target)
    tried = {name for name in given if name in arguments and name not in named}
    by_place = [name for name, p in named.items() if p.kind is p.POSITIONAL_ONLY and name in arguments]
    places = [arguments.pop(name) for name in by_place]
    while True:
        try:
            with refusing(f"{key}: "):
                made = kind.called(target)(*places, **arguments)
        except ConfigError as error:
            unwanted = {name for name in tried if _is_refused(name, error.__cause__)}
            if not unwanted:
                raise
            tried -= unwanted
            arguments = {name: value for name, value in arguments.items() if name not in unwanted}
        else:
            require_made(made, node, key, kind)
            return made, {*given} & {*arguments, *by_place}


def _is_refused(name: str, error: BaseException | None) -> bool:
    """Whether an argument is unknown where it went, or has a value there already, in whoever's words."""
    said = rf"\b(unexpected|unknown|unrecognized|invalid|multiple values)\b.*\b{name}\b"
    odd = isinstance(error, TypeError | ValueError | KeyError)
    return odd and re.search(said, str(error), re.DOTALL | re.IGNORECASE) is not None


def checked(
    target: Callable[..., Any], values: Mapping[str, Any], key: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments for a call, converted to the annotated types; a node with a `_target_` is made first.

    Raises:
        ConfigError: a field is unknown, missing, or of the wrong type.
    """
    parameters = parameters_of(target)
    hints = hints_of(target)
    arguments = {name: value for name, value in given.items() if takes(target, name)}
    for name, value in values.items():
        if not takes(target, name):
            raise ConfigError(f"{key}: no such field {name!r}{nearest(name, parameters)}")
        if name in given:
            raise ConfigError(f"{key}: {name} is not to be set; it is found while the run is built")
        hint = hints.get(name, Any)
        value = _with_made(value, f"{key}.{name}", hint)
        arguments[name] = converted(value, hint, f"{key}: {name}")
    for name, parameter in parameters.items():
        variadic = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if name not in arguments and parameter.default is parameter.empty and not variadic:
            raise ConfigError(f"{key}: {name} has no value; set +{key}.{name}=...")
    return arguments


def _with_made(value: Any, key: str, hint: Any = Any) -> Any:
    """A value with each node that has a `_target_` made, at any depth of it."""
    if isinstance(value, Mapping):
        made = {name: _with_made(inner, f"{key}.{name}") for name, inner in value.items()}
        return make(made, key, asked_for(hint)) if "_target_" in made else made
    if isinstance(value, list):
        return [_with_made(item, f"{key}.{place}", hint) for place, item in enumerate(value)]
    return value


def require_number(value: Any, what: str) -> None:
    """Refuse a number that is none to compute with; what is no number passes.

    Raises:
        ConfigError: it is NaN, infinite, or a whole number of more than 64 bits.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{what} must be finite, got {value}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ConfigError(f"{what} must be a number of at most 64 bits, got {brief(value)}")


def converted(value: Any, hint: Any, what: str) -> Any:
    """A config value in the type that a hint asks for.

    Raises:
        ConfigError: it is no such value, NaN, or infinite.
    """
    require_number(value, what)
    if value == "???":
        raise ConfigError(f"{what} has no value, and must have one")
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _one_of_types(value, typing.get_args(hint), what)
    if origin is Literal:
        return _one_of_words(value, typing.get_args(hint), what)
    if origin in (list, tuple) or hint in (list, tuple):
        return _sequence(value, hint, what)
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return _member(value, hint, what)
    if inspect.isclass(hint) and is_dataclass(hint) and isinstance(value, Mapping):
        with refusing(f"{what}: "):
            return hint(**checked(hint, value, what, {}))
    return _scalar(value, hint, what)


def _scalar(value: Any, hint: Any, what: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is bool and not isinstance(value, bool):
        raise ConfigError(f"{what} must be true or false, got {brief(repr(value))}")
    if hint is float:
        if not number:
            raise ConfigError(f"{what} must be a number, got {_shown(value)}")
        return float(value)
    if hint is int:
        if not number or value != int(value):
            raise ConfigError(f"{what} must be a whole number, got {_shown(value)}")
        require_number(int(value), what)  # of a float, which may be as large as it likes
        return int(value)
    if hint is str:
        if not isinstance(value, str) and not number:
            raise ConfigError(f"{what} must be a word, got {_shown(value)}")
        return str(value)
    if hint is type(None) and value is not None:
        raise ConfigError(f"{what} must be null, got {_shown(value)}")
    return value


def _one_of_types(value: Any, hints: tuple[Any, ...], what: str) -> Any:
    """The first member of a union that takes the value; the first one's complaint where none does."""
    if value is None and type(None) in hints:
        return None
    complaints = []
    for hint in hints:
        if getattr(hint, "__module__", "").startswith("torch") and not isinstance(value, hint):
            continue  # a tensor is not written in a configuration
        try:
            return converted(value, hint, what)
        except ConfigError as error:
            complaints.append(error)
    raise complaints[0]


def _one_of_words(value: Any, words: tuple[Any, ...], what: str) -> Any:
    if value in words and not isinstance(value, bool):
        return value
    known = ", ".join(map(str, words))
    raise ConfigError(
        f"{what} must be one of {known}, got {_shown(value)}{nearest(str(value), map(str, words))}"
    )


def _member(value: Any, hint: type[Enum], what: str) -> Any:
    """The member of an enumeration with that name, which its own name may precede, or with that value."""
    members = hint.__members__
    name = str(value).removeprefix(f"{hint.__name__}.")
    by_value = [member for member in members.values() if value in (member, member.value)]
    if name in members or by_value:
        return members[name] if name in members else by_value[0]
    known = ", ".join(members)
    raise ConfigError(f"{what} must be one of {known}, got {_shown(value)}{nearest(name, members)}")


def _sequence(value: Any, hint: Any, what: str) -> Any:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{what} must be a list, got {_shown(value)}")
    inner = typing.get_args(hint) or (Any,)
    is_tuple = tuple in (typing.get_origin(hint), hint)
    if is_tuple and len(inner) > 1 and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise ConfigError(f"{what} must be a list of {len(inner)}, got {_shown(value)}")
        return tuple(converted(item, one, what) for item, one in zip(value, inner, strict=True))
    items = [converted(item, inner[0], what) for item in value]
    return tuple(items) if is_tuple else items


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else brief(repr(value))
