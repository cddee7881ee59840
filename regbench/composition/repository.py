"""The option files that Hydra composes from, each read once."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult

T = TypeVar("T")


def copier(value: T) -> Callable[[], T]:
    """What makes copies of a value, a configuration's tree for one: from bytes, which is the quickest way."""
    try:
        return partial(pickle.loads, pickle.dumps(value))
    except (pickle.PicklingError, AttributeError, TypeError):  # it has a schema made within a function
        return partial(copy.deepcopy, value)


class Repository(ConfigRepository):
    """Hydra's, which reads no file twice: a composition, of which a sweep has many, asks for fifteen of them.

    Composing changes what it is given, so that every caller is given a copy. Copies of the repository itself,
    of which Hydra makes one for each composition, share what was read.
    """

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """As Hydra does it, with other places to read from: what was read elsewhere counts no longer."""
        self._read: dict[str, Callable[[], ConfigResult | None]] = {}
        super().initialize_sources(config_search_path)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A file as Hydra reads it; None where there is none."""
        if config_path not in self._read:
            self._read[config_path] = copier(super().load_config(config_path))
        return self._read[config_path]()

    def __deepcopy__(self, _: Any) -> Repository:
        made: Repository = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read: another process reads for itself."""
        return self.__dict__ | {"_read": {}}
