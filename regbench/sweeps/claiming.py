"""A job's folder, claimed in the process that runs the job, before Hydra writes into it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.config_source import ConfigSource
from omegaconf import DictConfig, open_dict

from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from regbench.folders.claims import claim
from regbench.folders.lock import Locked, who_works_in
from regbench.folders.state import state_of

T = TypeVar("T")
UNCLAIMED = "unclaimed"  # a key of a job's configuration: why its folder is not its own
OTHERS = "others"  # likewise, whether that is because another process works in it, or has ended its run


class Claiming(ConfigLoader):
    """Claims a job's folder in the process that runs it, before Hydra writes into it."""

    def __init__(self, composer: Composer) -> None:
        self._composer: Composer | None = composer
        self._loader = composer.loader

    def __getstate__(self) -> dict[str, Any]:
        """Without what this process has composed: another one composes for itself."""
        return self.__dict__ | {"_composer": None}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        made = self._composer.recorded if self._composer else self._loader.load_sweep_config
        config = made(master_config, sweep_overrides)
        folder = Path(config.hydra.sweep.dir) / config.hydra.sweep.subdir
        try:
            _refuse_others(folder)
            claim(folder, "hydra.sweep.dir")
        except ConfigError as error:  # raised, it would end the others that run at this moment
            with open_dict(config):
                config[UNCLAIMED], config[OTHERS] = str(error), isinstance(error, Locked)
                config.hydra.sweep.dir, config.hydra.sweep.subdir = tempfile.mkdtemp(), "job"
                config.hydra.output_subdir = None
        return config

    def load_configuration(self, *given: Any, **named: Any) -> DictConfig:
        return self._loader.load_configuration(*given, **named)

    def get_search_path(self) -> ConfigSearchPath:
        return self._loader.get_search_path()

    def get_sources(self) -> list[ConfigSource]:
        return self._loader.get_sources()

    def list_groups(self, parent_name: str) -> list[str]:
        return self._loader.list_groups(parent_name)

    def get_group_options(self, *given: Any, **named: Any) -> list[str]:
        return self._loader.get_group_options(*given, **named)

    def compute_defaults_list(self, *given: Any, **named: Any) -> Any:
        return self._loader.compute_defaults_list(*given, **named)


@dataclass
class Task(Generic[T]):
    """Runs a job in its folder, or tells why it has none."""

    run: Callable[[DictConfig], T]
    unable: Callable[[Exception], T]

    def __call__(self, cfg: DictConfig) -> T:
        if UNCLAIMED not in cfg:
            return self.run(cfg)
        shutil.rmtree(Path(HydraConfig.get().sweep.dir), ignore_errors=True)  # as `Claiming` has made it
        kind = Locked if cfg[OTHERS] else ConfigError
        return self.unable(kind(cfg[UNCLAIMED]))


def _refuse_others(folder: Path) -> None:
    """Refuse a folder that Hydra must not write its record into: were it killed, half of it would be left.

    Raises:
        Locked: another process works in it, or has ended its run.
        ConfigError: it cannot be known.
    """
    if state_of(folder).ended:
        raise Locked(f"{folder}: its run has ended")
    if held := who_works_in(folder):
        raise held
