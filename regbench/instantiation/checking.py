"""What a `_target_` names, looked at before it is called: is it of the kind that is due?"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from regbench.errors import ConfigError
from regbench.instantiation.boundary import is_a_persons, is_of_python, shown
from regbench.instantiation.locating import NotThere, locate
from regbench.instantiation.origins import (
    builds_on_torch,
    file_of,
    in_a_run,
    is_below,
    is_harmless,
    is_ours,
    is_own,
    is_standard,
    makes_models,
)
from regbench.instantiation.signatures import classes_in, hints_of

OF_HYDRA = ("_args_", "_convert_", "_partial_", "_recursive_")


@dataclass(frozen=True)
class Kind:
    """What may be made at one place of a configuration.

    Attributes:
        due: what is, for a sentence: "must name ...".
        suits: whether the objects of a class are such.
        loosely: the same of a class in a person's own file, where less is asked for.
        flaw: what stands in the way of a class that suits, for a sentence; empty for nothing.
        result: whether what a function has made is compared with the kind.
        called: what is called in the place of what a `_target_` names.
    """

    due: str
    suits: Callable[[type], bool]
    loosely: Callable[[type], bool] = lambda cls: False
    flaw: Callable[[type], str] = lambda cls: ""
    result: bool = True
    called: Callable[[Any], Any] = lambda target: target


@dataclass(frozen=True)
class Distrust:
    """How a configuration that was found in a run folder is looked at.

    Attributes:
        folder: of the run; no module is imported from there, or from any other run's.
        otherwise: the end of a sentence: where the run was trained, and what to type to trust it.
    """

    folder: Path
    otherwise: str


def _makes_no_more_than_itself(cls: type) -> bool:
    """Whether an object may stand in a value: one of many other classes opens files, or starts something."""
    return is_harmless(cls) or (not is_ours(cls) and (is_dataclass(cls) or is_own(cls)))


ANYTHING = Kind(
    "a torch module, a transform of torchvision, a Dataset, a dataclass, or a class or function of your own",
    _makes_no_more_than_itself,
    result=False,
)


def look(
    node: Mapping[Any, Any], key: str, kind: Kind, distrust: Distrust | None = None
) -> Callable[..., Any]:
    """What a node's `_target_` names; it, and whatever is named within the node, is of the kind that is due.

    Nothing is called; the modules are imported.

    Args:
        node: a part of a configuration.
        key: of the node.
        kind: that is due.
        distrust: of a configuration that is not the person's own command line.

    Raises:
        ConfigError: it is not.
    """
    if "_target_" not in node:
        raise ConfigError(f"{key}._target_: must name a class, got none")
    for name in OF_HYDRA:
        if name in node:
            raise ConfigError(f"{key}.{name}: must be left out, as regbench calls what _target_ names itself")
    path = node["_target_"]
    try:
        target = locate(path, key, functools.partial(_vet, path, key, kind, distrust))
    except NotThere as error:
        raise NotThere(f"{error}{distrust.otherwise}" if distrust else str(error)) from error.__cause__
    _require(target, shown(path), key, kind, distrust)
    hints = hints_of(target)
    for name, value in node.items():
        if name != "_target_":
            look_within(value, f"{key}.{name}", hints.get(name, Any), distrust)
    return target


def look_within(value: Any, key: str, hint: Any = Any, distrust: Distrust | None = None) -> None:
    """The same for every node in a value, at any depth.

    Args:
        value: plain.
        key: its own.
        hint: the annotation of the parameter that it is for.
        distrust: see `look`.
    """
    if isinstance(value, list | tuple):
        for place, item in enumerate(value):
            look_within(item, f"{key}.{place}", hint, distrust)
    elif isinstance(value, Mapping) and "_target_" in value:
        look(value, key, asked_for(hint), distrust)
    elif isinstance(value, Mapping):
        fields = hints_of(hint) if inspect.isclass(hint) and is_dataclass(hint) else {}
        for name, inner in value.items():
            look_within(inner, f"{key}.{name}", fields.get(name, Any if fields else hint), distrust)


def asked_for(hint: Any) -> Kind:
    """What an annotation asks for: a class that it names, or anything where it names none."""
    classes = classes_in(hint)
    if not classes:
        return ANYTHING
    wanted = tuple(classes | ({int} if float in classes else set()))
    names = " or ".join(sorted(cls.__name__ for cls in classes if cls is not type(None)))
    return Kind(f"what makes {names or 'nothing'}", lambda cls: issubclass(cls, wanted), result=False)


def require_made(made: Any, node: Mapping[str, Any], key: str, kind: Kind) -> None:
    """Look at what a call has returned.

    Raises:
        ConfigError: it is not of the kind.
    """
    cls = type(made)
    if kind.result and not (kind.suits(cls) or (is_own(cls) and kind.loosely(cls))):
        name = shown(cls.__name__)
        raise ConfigError(
            f"{key}._target_: must name {kind.due}, got {node['_target_']}, which makes a {name}"
        )
    if kind.result and kind.flaw(cls):
        raise ConfigError(f"{key}._target_: {kind.flaw(cls)}, got {node['_target_']}")


def _vet(path: str, key: str, kind: Kind, distrust: Distrust | None, spec: ModuleSpec) -> None:
    """Refuse a module before it is imported: one of Python's own, or one in the folder of a run."""
    places = [Path(place) for place in (spec.origin, *(spec.submodule_search_locations or ())) if place]
    if spec.origin in ("built-in", "frozen") or any(map(is_of_python, places)):
        raise ConfigError(f"{key}._target_: must name {kind.due}, got {shown(path)}")
    if distrust and any(in_a_run(place, distrust.folder) for place in places):
        raise ConfigError(
            f"{key}._target_: {shown(path)} lies in the folder of a run, which is not imported from"
        )


def _require(target: Any, path: str, key: str, kind: Kind, distrust: Distrust | None) -> None:
    """Refuse what is not of the kind, or may not be called.

    Raises:
        ConfigError: in one sentence.
    """
    what, target = f"{key}._target_", _within(target)
    if isinstance(target, type):
        said = _of_class(target, path, kind, distrust)
    elif isinstance(target, FunctionType | MethodType):
        said = _of_function(target, path, kind, distrust)
    elif kind.suits(type(target)) and kind.result:
        said = (
            f"must name a class or a function that makes {_one(kind)}, and {path} is one that has been made"
        )
    else:
        said = f"must name {kind.due}, got {path}"
    if said:
        raise ConfigError(f"{what}: {said}")


def _one(kind: Kind) -> str:
    return kind.due.replace("a torch module", "a module")


def _within(target: Any) -> Any:
    """What is called in the end, within `functools.partial` and wrappers that are no functions themselves."""
    while True:
        if isinstance(target, functools.partial):
            target = target.func
        elif not isinstance(target, type | FunctionType | MethodType) and hasattr(type(target), "cache_info"):
            target = target.__wrapped__
        else:
            return target


def _of_class(cls: type, path: str, kind: Kind, distrust: Distrust | None) -> str:
    """What is to be said against a class; empty for nothing."""
    own = is_own(cls)
    if is_standard(cls) or not (kind.suits(cls) or (own and kind.loosely(cls))):
        return f"must name {kind.due}, got {path}"
    if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False):
        return f"must name a class that can be made, and {path} is abstract"
    if flaw := kind.flaw(cls):
        return f"{flaw}, got {path}"
    if distrust and kind is ANYTHING and not (is_harmless(cls) or is_below(file_of(cls))):
        return _distrusted(path, distrust)
    if distrust and not kind.suits(cls) and not is_below(file_of(cls)):
        return _distrusted(path, distrust)
    return ""


def _of_function(function: Any, path: str, kind: Kind, distrust: Distrust | None) -> str:
    """What is to be said against a function or a class method; empty for nothing."""
    plain = getattr(function, "__func__", function)
    holder = getattr(function, "__self__", None)
    file = Path(plain.__code__.co_filename) if isinstance(plain, FunctionType) else None
    another = file is None or (holder is not None and not isinstance(holder, type))
    ours = is_ours(plain) and not makes_models(plain)
    if another or is_standard(plain) or is_standard(holder) or ours or is_of_python(file):  # type: ignore[arg-type]
        return f"must name {kind.due}, got {path}"
    if any(check(plain) for check in (inspect.iscoroutinefunction, inspect.isgeneratorfunction)):
        return f"must name a function that returns what it makes, and {path} is a coroutine or a generator"
    returned = classes_in(hints_of(function).get("return", Any), inside=False)
    own = is_a_persons(file)  # type: ignore[arg-type]
    if returned is not None:
        suits = any(kind.suits(cls) or (is_own(cls) and kind.loosely(cls)) for cls in returned)
        if not suits and not (own and kind is ANYTHING):
            return f"must name {kind.due}, got {path}, which returns {_names(returned)}"
        named = kind is not ANYTHING or any(map(is_harmless, returned))
        return "" if not distrust or named or is_below(file) else _distrusted(path, distrust)
    if distrust and not is_below(file):
        return _distrusted(path, distrust)
    if own or (holder is not None and kind.suits(holder)) or builds_on_torch(plain):
        return ""
    return f"must name {kind.due}, and {path} does not say in an annotation what it returns"


def _names(classes: set[type]) -> str:
    return " or ".join(sorted("None" if cls is type(None) else cls.__name__ for cls in classes))


def _distrusted(path: str, distrust: Distrust) -> str:
    due = "a class of its kind, or code of your own below the current folder"
    return f"must name {due}, got {path}{distrust.otherwise}"
