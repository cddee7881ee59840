"""Where a class or function comes from: Python, this package, an installed one, a person's own file."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from types import FunctionType
from typing import Any

from regbench.instantiation.boundary import is_a_persons, is_of_python

RECORD = ".hydra"  # a folder of this name makes another one that of a run


def in_a_run(path: Path, folder: Path) -> bool:
    """Whether a path lies in a certain folder, or in another run's, or is one of them."""
    path = path.resolve()
    return any(place == folder.resolve() or (place / RECORD).is_dir() for place in (path, *path.parents))


def file_of(thing: Any) -> Path | None:
    """The file that a class or function was written in; None where there is none."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return Path(file) if file else None


def is_own(cls: type) -> bool:
    """Whether a class was written in a person's own file."""
    file = file_of(cls)
    return file is not None and is_a_persons(file)


def is_below(file: Path | None) -> bool:
    """Whether a file lies below the current folder, and is a person's."""
    return file is not None and file.resolve().is_relative_to(Path.cwd().resolve()) and is_a_persons(file)


def is_standard(thing: Any) -> bool:
    """Whether a class or function is Python's own."""
    if thing is None:
        return False
    file, name = file_of(thing), getattr(thing, "__module__", None) or ""
    return is_of_python(file) if file else name.partition(".")[0] in {*sys.stdlib_module_names, ""}


def is_ours(thing: Any) -> bool:
    """Whether a class or function is this package's."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] == "regbench"


def makes_models(function: FunctionType) -> bool:
    """Whether a function of this package is there to be named as a model, as no other of its functions is."""
    return str(function.__module__).startswith("regbench.models.")


def is_named(cls: type, package: str, name: str) -> bool:
    """Whether a class is derived from one of that name, without importing the package for it."""
    return any(one.__name__ == name and f"{one.__module__}.".startswith(f"{package}.") for one in cls.__mro__)


def is_harmless(cls: type) -> bool:
    """Whether making an object of the class is what models and datasets consist in."""
    transforms = f"{cls.__module__}.".startswith("torchvision.transforms.")
    bases = ("torch.nn", "Module"), ("torch.utils.data", "Dataset"), ("torch.distributions", "Distribution")
    return transforms or any(is_named(cls, *base) for base in bases)


def builds_on_torch(function: FunctionType) -> bool:
    """Whether a function belongs to an installed package that needs torch, so that it may make modules."""
    package = str(function.__module__).partition(".")[0]
    if package == "torch":
        return False  # whose functions load files and programs
    for name in packages_distributions().get(package, []):
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            needed = []
        if any(word.split(";")[0].strip().lower().startswith("torch") for word in needed):
            return True
    return False
