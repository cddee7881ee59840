"""What a path such as my_module.MyClass leads to: imported module by module, then attribute by attribute."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

from regbench.errors import ConfigError
from regbench.instantiation.boundary import refusing, shown

MOST_PARTS = 32  # of a path
Vet = Callable[[ModuleSpec], None]


class NotThere(ConfigError):
    """A path leads to nothing that can be imported."""


def locate(path: Any, key: str, vet: Vet = lambda spec: None) -> Callable[..., Any]:
    """The class or function at a full module path; also a class within a class, or a class method.

    Args:
        path: the value of `_target_`.
        key: of the node.
        vet: is shown where a module lies before it is imported, and may refuse it.

    Raises:
        ConfigError: there is none, or it is a method of a class's objects.
    """
    what = f"{key}._target_"
    if path == "???" or path is None:
        raise ConfigError(f"{what}: has no value; set {what}=my_module.MyClass")
    parts = path.split(".") if isinstance(path, str) else []
    if not 1 < len(parts) <= MOST_PARTS or not all(part.isidentifier() for part in parts):
        got = shown(repr(path), 100)
        raise ConfigError(f"{what}: must be a full path such as my_module.MyClass, got {got}")
    path = shown(path)
    if any(part.startswith("__") for part in parts):
        raise ConfigError(
            f"{what}: must be a path of names that do not begin with two underscores, got {path}"
        )
    found, end = _imported(parts, what, vet)
    for place in range(end, len(parts)):
        found = _inner(found, parts, place, end, what)
    return found


def _inner(outer: Any, parts: list[str], place: int, end: int, what: str) -> Any:
    """The attribute of a module or a class that the next part of a path names."""
    name, before, path = parts[place], shown(".".join(parts[:place])), shown(".".join(parts))
    if not isinstance(outer, ModuleType | type):
        raise ConfigError(f"{what}: must lead through modules and classes, and {before} is neither")
    if isinstance(outer, type) and isinstance(inspect.getattr_static(outer, name, None), FunctionType):
        raise ConfigError(f"{what}: must name a class or a function, and {path} is a method of objects")
    with refusing(f"{what}: "):  # a module may have a __getattr__ of its own
        inner = getattr(outer, name, None)
    last = place == len(parts) - 1
    if inner is None and place == end and not last:
        raise NotThere(f"{what}: no module named {before + '.' + name!r}, needed for {path}")
    if inner is None or (last and not callable(inner)):
        kind = "module" if place == end else "class"
        raise NotThere(f"{what}: {kind} {before} has no class {name!r}")
    return inner


def _imported(parts: list[str], what: str, vet: Vet) -> tuple[Any, int]:
    """The module of the longest part of a path that is one, and its length."""
    module: Any = None
    for end in range(1, len(parts)):
        name = ".".join(parts[:end])
        if module is not None and not hasattr(module, "__path__"):
            return module, end - 1
        spec = _spec(name, what)
        if spec is None and module is not None:
            return module, end - 1
        if spec is None:
            raise NotThere(f"{what}: no module named {shown(name)!r}, needed for {shown('.'.join(parts))}")
        vet(spec)
        module = _import(name, parts, what)
    return module, len(parts) - 1


def _spec(name: str, what: str) -> ModuleSpec | None:
    """Where a module lies, its packages imported; None where there is no such module."""
    with refusing(f"{what}: module {shown(name)} cannot be imported: "):
        try:
            return find_spec(name)
        except ValueError:  # such as __main__, which was not imported from anywhere
            return None


def _import(name: str, parts: list[str], what: str) -> Any:
    try:
        with refusing(f"{what}: module {shown(name)} cannot be imported: "):
            return importlib.import_module(name)
    except ConfigError as error:
        missing = error.__cause__
        if not isinstance(missing, ModuleNotFoundError):
            raise NotThere(str(error)) from missing
        said = f"no module named {shown(str(missing.name))!r}, needed for {shown('.'.join(parts))}"
        raise NotThere(f"{what}: {said}") from missing
