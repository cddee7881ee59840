"""The option hydra/launcher=slurm: each job of a sweep is a job of Slurm's; see `regbench.sweeps.slurm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from regbench.sweeps.returned import returned


class Slurm(Launcher):
    """Submits the jobs as one array, and collects each as it ends.

    Args:
        asked: of Slurm, for each job; `regbench.sweeps.slurm.submission.Options` has what each key is.
    """

    def __init__(self, **asked: Any) -> None:
        self._asked = asked

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra hands to a launcher.

        Raises:
            ConfigError: this machine has no Slurm, or no submitit.
        """
        from regbench.sweeps.slurm.submission import require_slurm  # Hydra imports this file in every process

        require_slurm()
        task: Any = task_function  # of a sweep of ours, which has more to say than Hydra knows
        self._context, self._task, self._config = hydra_context, task, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """What came of each job; `WorkerLost` where nothing did.

        Args:
            job_overrides: the words of each.
            initial_job_idx: the number of the first.

        Raises:
            ConfigError: Slurm does not take the jobs.
            KeyboardInterrupt: Ctrl-C; they have been cancelled.
        """
        from pathlib import Path

        from regbench.sweeps.slurm.collecting import Collector
        from regbench.sweeps.slurm.submission import Options, Submission
        from regbench.sweeps.slurm.work import works

        pieces = works(self._context, self._config, self._task, job_overrides, initial_job_idx)
        submission = Submission(Path(str(self._config.hydra.sweep.dir)), Options(**self._asked))
        return [returned(value) for value in Collector(submission, pieces, self._task.unable)()]


ConfigStore.instance().store(
    group="hydra/launcher",
    name="slurm",
    node={
        "_target_": f"{__name__}.Slurm",
        "partition": None,
        "timeout_min": 60,
        "signal_delay_s": 120,
        "mem_gb": 4,
        "cpus_per_task": None,
        "gpus_per_node": None,
        "gres": None,
        "account": None,
        "qos": None,
        "constraint": None,
        "exclude": None,
        "name": None,
        "array_parallelism": 256,
    },
    provider="regbench",
)
