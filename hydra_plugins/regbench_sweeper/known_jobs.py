"""A sweeper of jobs that are known, and have their folders, before Hydra is asked to run them."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any, Protocol

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext
from omegaconf import DictConfig

from regbench.errors import ConfigError
from regbench.sweeps.losses import WorkerLost

IN_TURN = "BasicLauncher"  # Hydra's own, by the end of its name: the class is private; ours says so itself


class Task(Protocol):
    """What is run for each job; for one that cannot begin, or is lost, what is returned in its place."""

    unable: Callable[[Exception], Any]

    def __call__(self, cfg: DictConfig) -> Any:
        """Run the job."""


class KnownJobs(Sweeper):
    """Hands jobs to the launcher that a line names: joblib, Slurm or another, or in turn by Hydra's own."""

    def setup(self, *, hydra_context: HydraContext, task_function: Any, config: DictConfig) -> None:
        """Get the launcher from Hydra, and keep it from logging every job.

        Args:
            hydra_context: of Hydra.
            task_function: a `Task`.
            config: of the whole sweep.
        """
        self.hydra_context, self.config = hydra_context, config
        self._task: Task = task_function
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context, task_function, config
        )
        logging.getLogger(type(self.launcher).__module__).setLevel(logging.WARNING)

    def sweep(self, arguments: list[str], first: int = 0) -> list[Any]:
        """What the task returns for each job; where what ran it was lost, what it is `unable` to return.

        Args:
            arguments: for each job its words, as they are typed in a shell.
            first: the number of the first of them.

        Raises:
            Exception: what a task has raised; in turn, the first to raise ends the sweep.
        """
        jobs = [shlex.split(line) for line in arguments]
        if getattr(self.launcher, "in_turn", type(self.launcher).__name__ == IN_TURN):
            return [self._alone(words, number) for number, words in enumerate(jobs, first)]
        try:
            found = _returned(self.launcher.launch(jobs, initial_job_idx=first))
        except BrokenExecutor:  # of joblib's: one of its processes was killed, which ends them all
            found = [WorkerLost() for _ in jobs]
        return [self._task.unable(one) if isinstance(one, WorkerLost) else one for one in found]

    def _alone(self, words: list[str], number: int) -> Any:
        """One job, of which its return alone is kept: the configurations would pile up."""
        try:
            (returned,) = _returned(self.launcher.launch([words], initial_job_idx=number))
        except (ConfigError, OSError) as error:  # of Hydra's own writing: it does not end the others
            return self._task.unable(error)
        return returned


def _returned(done: Sequence[JobReturn]) -> list[Any]:
    return [one.return_value for one in done]
