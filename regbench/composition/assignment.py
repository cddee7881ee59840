"""The values of a line, laid on what was composed of its options alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict


def assign(cfg: DictConfig, overrides: Sequence[Override]) -> None:
    """Set, add and take away values as Hydra does when it composes.

    Args:
        cfg: is changed in place; where this fails, in part.
        overrides: none of which chooses an option.

    Raises:
        Exception: of any kind, where one cannot be. Hydra's own composition of the whole line says why.
    """
    for one in overrides:
        key, value = one.key_or_group, one.value()
        if one.package is not None:
            raise ValueError(f"{key} has a package, and is no group")
        if one.is_delete():
            _delete(cfg, key, value)
            continue
        if one.is_add() and not isinstance(value, dict | list) and _at(cfg, key) is not None:
            raise ValueError(f"{key} is there")
        OmegaConf.update(cfg, key, value, merge=True, force_add=one.is_add() or one.is_force_add())


def _delete(cfg: DictConfig, key: str, value: Any) -> None:
    there = _at(cfg, key)
    if there is None or value not in (None, there):
        raise ValueError(f"{key} is not there, or has another value")
    above, _, name = key.rpartition(".")
    with open_dict(cfg):
        del (OmegaConf.select(cfg, above) if above else cfg)[name]


def _at(cfg: DictConfig, key: str) -> Any:
    return OmegaConf.select(cfg, key, throw_on_missing=False)
