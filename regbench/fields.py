"""Config values into the types that a class declares: the class is its own schema."""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Union

from regbench.errors import ConfigError


def nearest(word: str, words: Iterable[str]) -> str:
    """'; did you mean ...?' for the word that looks most like it, or nothing."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def locate(path: str, key: str) -> Callable[..., Any]:
    """The class or function at a full module path.

    Raises:
        ConfigError: there is none.
    """
    module, _, name = str(path).rpartition(".")
    if not module:
        raise ConfigError(f"{key}._target_: must be a full path such as my_module.MyClass, got {path!r}")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{key}._target_: no module named {error.name!r}, needed for {path}") from error
    except (ImportError, SyntaxError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{key}._target_: module {module} cannot be imported: {reason}") from error
    if not callable(found):
        raise ConfigError(f"{key}._target_: module {module} has no class {name!r}")
    return found


def make(node: Mapping[str, Any], key: str, **given: Any) -> Any:
    """Call what the node's `_target_` names with its values, and with those of `given` that it takes.

    Raises:
        ConfigError: a field is unknown, missing, of the wrong type, or refused by the class.
    """
    if "_target_" not in node:
        raise ConfigError(f"{key}._target_: must name a class, got none")
    target = locate(node["_target_"], key)
    values = {name: value for name, value in node.items() if name != "_target_"}
    arguments = checked(target, values, key, given)
    try:
        return target(**arguments)
    except ConfigError:
        raise
    except (ValueError, TypeError, IndexError, RuntimeError, OverflowError) as error:
        raise ConfigError(f"{key}: {(str(error) or type(error).__name__).splitlines()[0]}") from error


def checked(
    target: Callable[..., Any], values: Mapping[str, Any], key: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments for a call, converted to the annotated types.

    Raises:
        ConfigError: a field is unknown, missing, or of the wrong type.
    """
    parameters = inspect.signature(target).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    hints = hints_of(target)
    arguments = {name: value for name, value in given.items() if name in parameters or takes_any}
    for name, value in values.items():
        if name not in parameters and not takes_any:
            raise ConfigError(f"{key}: no such field {name!r}{nearest(name, parameters)}")
        if name in given:
            raise ConfigError(f"{key}: {name} is not to be set; it is found while the run is built")
        arguments[name] = converted(value, hints.get(name, Any), f"{key}: {name}")
    for name, parameter in parameters.items():
        variadic = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if name not in arguments and parameter.default is parameter.empty and not variadic:
            raise ConfigError(f"{key}: {name} has no value; set {key}.{name}=...")
    return arguments


def converted(value: Any, hint: Any, what: str) -> Any:
    """A config value in the type that a hint asks for.

    Raises:
        ConfigError: it is no such value, NaN, or infinite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{what} must be finite, got {value}")
    if value == "???":
        raise ConfigError(f"{what} has no value, and must have one")
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return _one_of_types(value, typing.get_args(hint), what)
    if origin is Literal:
        return _one_of_words(value, typing.get_args(hint), what)
    if origin in (list, tuple) or hint in (list, tuple):
        return _sequence(value, hint, what)
    return _scalar(value, hint, what)


def _scalar(value: Any, hint: Any, what: str) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is bool and not isinstance(value, bool):
        raise ConfigError(f"{what} must be true or false, got {value!r}")
    if hint is float:
        if not number:
            raise ConfigError(f"{what} must be a number, got {_shown(value)}")
        return float(value)
    if hint is int:
        if not number or value != int(value):
            raise ConfigError(f"{what} must be a whole number, got {_shown(value)}")
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


def _sequence(value: Any, hint: Any, what: str) -> Any:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{what} must be a list, got {_shown(value)}")
    inner = typing.get_args(hint)[:1]
    items = [converted(item, inner[0] if inner else Any, what) for item in value]
    return tuple(items) if tuple in (typing.get_origin(hint), hint) else items


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else repr(value)


def hints_of(target: Callable[..., Any]) -> dict[str, Any]:
    """Annotations of what is called; none where a person's own cannot be resolved."""
    function = target.__init__ if inspect.isclass(target) else target  # type: ignore[misc]
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return {}
