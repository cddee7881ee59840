"""The option hydra/launcher=side_by_side: what a process does with the jobs that are handed to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict


class SideBySide(Launcher):
    """Runs the jobs that it is given in this process, one after the other.

    A sweep of regbench gives each of its worker processes one of these. By another sweeper, which knows its
    jobs only later, they run in turn.
    """

    in_turn = True

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands to a launcher."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """What came of each job.

        Args:
            job_overrides: the words of each.
            initial_job_idx: the number of the first.
        """
        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        Path(str(self._config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        return [self._one(list(words), number) for number, words in enumerate(job_overrides, initial_job_idx)]

    def _one(self, words: list[str], number: int) -> JobReturn:
        config: Any = self._context.config_loader.load_sweep_config(self._config, words)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        HydraConfig.instance().set_config(config)
        done = run_job(
            task_function=self._task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self._context,
        )
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        return done


ConfigStore.instance().store(
    group="hydra/launcher",
    name="side_by_side",
    node={"_target_": f"{__name__}.SideBySide", "n_jobs": -1},  # -1: as many as there are cores for
    provider="regbench",
)
