"""Parameters named by globs, as `model.freeze` and `train.lr_factors` do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from torch import nn

from regbench.errors import ConfigError, brief, nearest


def matched(
    globs: Iterable[str], parameters: Mapping[str, nn.Parameter], what: str
) -> dict[str, list[nn.Parameter]]:
    """The parameters that each glob names, each parameter once.

    A glob is compared with a parameter's whole name; `*` passes over dots. One that names a module names all
    of its parameters. Of a tied parameter any of its names will do.

    Args:
        globs: as they were typed.
        parameters: by plain name (`regbench.weights.plain_parameters`).
        what: the key, for a complaint.

    Raises:
        ConfigError: one names none.
    """
    found = {}
    for glob in globs:
        named = {id(p): p for name, p in parameters.items() if _names(glob, name)}
        if not named:
            holders = {path for name in parameters for path in _paths(name)}
            close = nearest(glob.strip("*."), holders)
            raise ConfigError(f"{what} must name parameters, and {brief(glob)!r} names none{close}")
        found[glob] = list(named.values())
    return found


def _names(glob: str, name: str) -> bool:
    """Whether a glob is that of a parameter, or of a module around it."""
    return any(fnmatchcase(path, glob) for path in _paths(name))


def _paths(name: str) -> list[str]:
    """The paths of the modules around a parameter, and its own."""
    pieces = name.split(".")
    return [".".join(pieces[:end]) for end in range(1, len(pieces) + 1)]
