"""Jobs to the launcher that a command line names."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from regbench.assembly.device import cores
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import in_sweep, keys_of
from regbench.composition.composer import Composer
from regbench.composition.hydra_interface import context
from regbench.errors import ConfigError
from regbench.folders.claims import claim

T = TypeVar("T")
SWEEPER = "hydra_plugins.regbench_sweeper.known_jobs.KnownJobs"
UNCLAIMED = "unclaimed"  # a key of a job's configuration: why its folder is not its own


class Launch:
    """Run jobs by the launcher that a command line names, in turn or several at once.

    Args:
        line: the command line.
        root: the folder of the sweep.

    Attributes:
        workers: how many jobs run at once.
        in_turn: whether this process runs them, one after the other.

    Raises:
        ConfigError: there is no such launcher.
    """

    def __init__(self, line: CommandLine, root: Path) -> None:
        self._root, self._composer = root, Composer(line.config_dir)
        overrides = in_sweep(list(line.overrides))
        quiet = ["hydra/hydra_logging=none", "hydra.job_logging.root.handlers=[file]"]
        quiet.append(f"hydra.sweep.dir={quoted(root)}")
        config = self._composer.compose([*overrides, *quiet], RunMode.MULTIRUN)
        if "n_jobs" in config.hydra.launcher and "hydra.launcher.n_jobs" not in keys_of(overrides):
            config.hydra.launcher.n_jobs = max(1, cores() // (config.threads or cores()))
        with open_dict(config):  # here alone: each job is recorded with the sweeper of its line
            config.hydra.sweeper = {"_target_": SWEEPER}
        self._config = config
        self.in_turn = str(config.hydra.launcher.get("_target_")).endswith(".BasicLauncher")
        asked = config.hydra.launcher.get("n_jobs") or 1
        self.workers = asked if asked > 0 else cores()

    def __call__(
        self,
        task: Callable[[DictConfig], T],
        jobs: Sequence[tuple[list[str], str]],
        unable: Callable[[Exception], T],
    ) -> list[T]:
        """What the task returns for each job.

        Args:
            task: runs one.
            jobs: the overrides of each, and its folder's name below the root.
            unable: what to return for one whose folder cannot be written.

        Raises:
            KeyboardInterrupt: one of them was stopped by a signal.
            OSError: what Hydra itself writes cannot be written, where several run at once.
        """
        sweeper = Plugins.instance().instantiate_sweeper(
            hydra_context=context(_Claiming(self._composer)),
            task_function=_Task(task, unable),
            config=self._config,
        )
        where = f"hydra.sweep.dir={quoted(self._root)}"
        lines = [
            shlex.join([*_of_task(overrides), where, f"hydra.sweep.subdir={quoted(name)}"])
            for overrides, name in jobs
        ]
        return sweeper.sweep(lines)


class _Claiming(ConfigLoader):
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
        try:
            claim(Path(config.hydra.sweep.dir) / config.hydra.sweep.subdir, "hydra.sweep.dir")
        except ConfigError as error:  # raised, it would end the others that run at this moment
            with open_dict(config):
                config[UNCLAIMED] = str(error)
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
class _Task(Generic[T]):
    """Runs a job in its folder, or tells why it has none."""

    run: Callable[[DictConfig], T]
    unable: Callable[[Exception], T]

    def __call__(self, cfg: DictConfig) -> T:
        if UNCLAIMED not in cfg:
            return self.run(cfg)
        shutil.rmtree(Path(HydraConfig.get().sweep.dir), ignore_errors=True)  # as `_Claiming` has made it
        return self.unable(ConfigError(cfg[UNCLAIMED]))


def _of_task(overrides: Sequence[str]) -> list[str]:
    """Without what is Hydra's own: the launcher adds that."""
    return [o for o, key in zip(overrides, keys_of(overrides), strict=True) if not key.startswith("hydra")]


def quoted(value: object) -> str:
    """A value that Hydra takes for what it is, whatever signs are in it."""
    text = re.sub(
        r"(\\*)\$\{", lambda found: found[1] * 2 + "\\${", str(value)
    )  # else another setting's name
    return QuotedString(text, Quote.single).with_quotes()
