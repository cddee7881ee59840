"""The values of a YAML file as Hydra reads them, without Hydra."""

from __future__ import annotations

import re
from typing import Any

import yaml


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads 1e-3 as a number and 2020-01-01 as text, as Hydra does and YAML 1.1 does not."""


_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for sign, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def values_of(text: str) -> dict[str, Any]:
    """What an option's file sets, references as they are written.

    Raises:
        ValueError: it is no YAML, or does not hold keys and values.
    """
    try:
        node = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"must be valid YAML, got {' '.join(str(error).split())}") from error
    if not isinstance(node, dict):
        raise ValueError(f"must hold keys and values, got {node!r}")
    return {str(key): value for key, value in node.items()}
