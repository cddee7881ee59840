"""What runs in a job of Slurm's: one job of a sweep, which leaves in time and is queued again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from regbench.errors import ConfigError
from regbench.runs.interruption import StopRequest
from regbench.sweeps.jobs import epochs_in
from regbench.sweeps.losses import WorkerLost
from regbench.sweeps.words import folder_in

STOPPED = 130  # exit status of a process that a signal has stopped
WAIT = 10.0  # seconds for what may be left out


@dataclass
class Work:
    """One job of a sweep; it travels to where it runs.

    Attributes:
        context: of Hydra.
        config: of the whole sweep.
        task: is given the job's configuration.
        words: of the job.
        number: of the job.
        folder: where its run lives.
        state: of Hydra's singletons.
        path: where modules of a person's own are found.
    """

    context: HydraContext
    config: DictConfig
    task: Any
    words: list[str]
    number: int
    folder: Path
    state: Any
    path: list[str]

    def __call__(self) -> Any:
        """What the task returns; `WorkerLost` where the time is up and no epoch has come of it.

        Raises:
            SystemExit: a signal has stopped it. It leaves no result: Slurm starts it again, or it is lost.
        """
        sys.path += [place for place in self.path if place not in sys.path]
        _show_name(self.folder.name)
        before = epochs_in(self.folder)
        with TimeLimit() as limit:
            try:
                return self._done()
            except KeyboardInterrupt:
                if limit.near and epochs_in(self.folder) == before:
                    return WorkerLost(
                        "its worker was lost (TIMEOUT): its time limit came before the end of another epoch; "
                        "set hydra.launcher.timeout_min higher"
                    )
                if limit.near:
                    with suppress(OSError, subprocess.TimeoutExpired):  # then it is lost, and launched again
                        subprocess.run(["scontrol", "requeue", _number()], timeout=60, check=False)
                sys.exit(STOPPED)

    def _done(self) -> Any:
        Singleton.set_state(self.state)
        setup_globals()
        try:
            config: Any = self.context.config_loader.load_sweep_config(self.config, self.words)
            with open_dict(config):
                config.hydra.job.id, config.hydra.job.num = _number(), self.number
            return run_job(
                task_function=self.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=self.context,
            ).return_value
        except (ConfigError, OSError) as error:  # of Hydra's own writing: it does not end the others
            return self.task.unable(error)


class TimeLimit:
    """Within this context a job heeds the signal that Slurm sends before its time limit.

    Within a run it counts as Ctrl-C does: the run stops after its step. Before and after it nothing is to be
    kept, so that it, and SIGTERM, end the process at once.

    Attributes:
        near: whether it has come.
    """

    def __init__(self) -> None:
        self.near = False

    def __enter__(self) -> TimeLimit:
        import submitit

        signal.signal(signal.SIGTERM, lambda *_: os._exit(STOPPED))
        signal.signal(signal.Signals[f"SIG{submitit.JobEnvironment.USR_SIG}"], self._take)
        return self

    def __exit__(self, *_: object) -> None:
        pass  # the handlers stay: the process is about to end

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.near = True
        if not StopRequest.pending:  # a second one would stop it at once
            signal.raise_signal(signal.SIGTERM)


def works(
    context: HydraContext, config: DictConfig, task: Any, jobs: Sequence[Sequence[str]], first: int
) -> list[Work]:
    """What each job does, wherever it runs.

    Args:
        context: of Hydra.
        config: of the whole sweep.
        task: is given the configuration of each.
        jobs: the words of each.
        first: the number of the first.
    """
    state, path = Singleton.get_state(), list(sys.path)
    root = Path(os.path.abspath(str(config.hydra.sweep.dir)))
    return [
        Work(context, config, task, list(words), number, folder_in(words) or root / str(number), state, path)
        for number, words in enumerate(jobs, first)
    ]


def _number() -> str:
    """What Slurm calls this job; of an array by its place: the plain number of one may stand for them all."""
    array, place = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{place}" if array and place else os.environ["SLURM_JOB_ID"]


def _show_name(name: str) -> None:
    """Let `squeue` call a job that runs by the name of its run's folder; no loss where it cannot."""
    with suppress(OSError, subprocess.TimeoutExpired):
        words = ["scontrol", "update", f"JobId={_number()}", f"JobName={name}"]
        subprocess.run(words, capture_output=True, timeout=WAIT, check=False)
