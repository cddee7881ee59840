"""Jobs to the launcher that a command line names."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from regbench.build import cores
from regbench.composer import Composer
from regbench.composition import in_sweep, keys_of

T = TypeVar("T")


class Launch:
    """Run jobs by the launcher that a command line names, in turn or several at once.

    Args:
        args: Hydra's parsed command line.
        root: the folder of the sweep.

    Attributes:
        workers: how many jobs run at once.

    Raises:
        ConfigError: there is no such launcher.
    """

    def __init__(self, args: argparse.Namespace, root: Path) -> None:
        self._root, self._composer = root, Composer(args.config_dir)
        overrides = in_sweep(list(args.overrides))
        quiet = ["hydra/hydra_logging=none", "hydra.job_logging.root.handlers=[file]"]
        quiet.append(f"hydra.sweep.dir={_quoted(root)}")
        config = self._composer.compose([*overrides, *quiet], RunMode.MULTIRUN)
        if "n_jobs" in config.hydra.launcher and "hydra.launcher.n_jobs" not in keys_of(overrides):
            config.hydra.launcher.n_jobs = max(1, cores() // (config.threads or cores()))
        self._config = config
        asked = config.hydra.launcher.get("n_jobs") or 1
        self.workers = asked if asked > 0 else cores()

    def __call__(self, task: Callable[[DictConfig], T], jobs: Sequence[tuple[list[str], str]]) -> list[T]:
        """What the task returns for each job, given by its overrides and its folder's name below the root.

        Raises:
            KeyboardInterrupt: one of them was stopped by a signal.
        """
        context = HydraContext(self._composer.hydra.config_loader, Callbacks(self._config))
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=task, config=self._config
        )
        logging.getLogger(type(launcher).__module__).setLevel(logging.WARNING)
        where = f"hydra.sweep.dir={_quoted(self._root)}"
        words = [
            [*_of_task(overrides), where, f"hydra.sweep.subdir={_quoted(name)}"] for overrides, name in jobs
        ]
        if str(self._config.hydra.launcher._target_).endswith("BasicLauncher"):
            return [one.return_value for one in _in_turn(launcher, words)]
        return [one.return_value for one in launcher.launch(words, initial_job_idx=0)]


def _in_turn(launcher: Launcher, jobs: Sequence[list[str]]) -> list[JobReturn]:
    """Launch jobs one by one, and keep nothing but what they return: their configurations would pile up."""
    returned = []
    for number, words in enumerate(jobs):
        (done,) = launcher.launch([words], initial_job_idx=number)
        done.cfg = done.hydra_cfg = None
        returned.append(done)
    return returned


def _of_task(overrides: Sequence[str]) -> list[str]:
    """Without what is Hydra's own: the launcher adds that."""
    return [o for o, key in zip(overrides, keys_of(overrides), strict=True) if not key.startswith("hydra")]


def _quoted(value: object) -> str:
    """A value that Hydra takes for what it is, whatever signs are in it."""
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
