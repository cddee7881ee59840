"""A reference that leads nowhere, in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from regbench.composition.complaints import first_line, flat
from regbench.composition.settings import meant, resolved
from regbench.errors import ConfigError


def unresolved(cfg: DictConfig, error: Exception) -> str:
    """What is said of a reference that leads nowhere: of a value, where a folder's name has it from one."""
    whole: Any = OmegaConf.to_container(cfg, resolve=False)
    with open_dict(cfg):
        cfg.pop("hydra", None)
    try:
        resolved(cfg)
    except OmegaConfBaseException as inner:
        error = inner
    key = getattr(error, "full_key", "") or "config"
    text: Any = whole
    for part in key.split("."):
        text = text.get(part, "") if isinstance(text, dict) else ""
    return _sentence(key, str(text), error, flat(cfg))


def require_there(cfg: DictConfig) -> None:
    """Refuse a reference to what Hydra has not, which its own resolver takes for null.

    Args:
        cfg: with Hydra's own part.

    Raises:
        ConfigError: there is one.
    """
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    own = plain.pop("hydra")
    keys = set(flat(own))
    for key, text in _texts(plain):
        absent = next((name for name in re.findall(r"\$\{hydra:([\w.]+)\}", text) if name not in keys), None)
        if absent:
            close = meant(absent, keys)
            raise ConfigError(f"{key}: {text} refers to {absent} of Hydra's, and there is no such key{close}")


def _texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a configuration, with its key."""
    if isinstance(node, str):
        yield key, node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _texts(value, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value, key)


def _sentence(key: str, text: str, error: Exception, known: Iterable[str]) -> str:
    """One sentence on a reference that leads nowhere.

    Args:
        key: whose value it stands in.
        text: that value.
        error: what OmegaConf says.
        known: every key of the configuration.
    """
    said = first_line(error)
    if found := re.search(r"Interpolation key '(.*)' not found", said):
        return f"{key}: {text} refers to {found[1]}, and there is no such key{meant(found[1], known)}"
    if found := re.search(r"Unsupported interpolation type (\S+)", said):
        return f"{key}: {text} asks for {found[1]}, which must be one that Hydra has, such as oc.env"
    if found := re.search(r"Environment variable '(.*)' not found", said):
        return f"{key}: the environment variable {found[1]} must be set, and is not"
    if "Recursive interpolation" in said:
        return f"{key}: {text} must not refer to itself"
    if "Missing mandatory value" in said or "MissingMandatoryValue" in said:
        name = said.rpartition("Missing mandatory value: ")[2]
        if name.startswith("hydra.") and key != name and "${" in text:
            return f"{key}: {text} refers to {name}, which has no value yet"
        return f"{name}: must have a value, got ???"
    return f"{key}: {text} cannot be resolved: {said.rpartition('interpolation: ')[2]}"
