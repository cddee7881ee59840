"""What is asked of Slurm for each job, and how jobs are handed over to it."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, brief, of_the_system
from regbench.runs.interruption import Held
from regbench.storage.folders import missing, remove_empty

FOLDER = ".submitit"  # in that of a sweep: logs, and what travels
MOST = 1000  # jobs of one array: Slurm's own limit, unless a site has another one
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "srun")


def require_slurm() -> None:
    """Refuse to go on where jobs cannot be handed over to Slurm.

    Raises:
        ConfigError: there is no Slurm here, or no submitit.
    """
    if importlib.util.find_spec("submitit") is None:
        raise ConfigError("hydra/launcher: slurm needs submitit; pip install 'regbench[slurm]'")
    for command in COMMANDS:
        if shutil.which(command) is None:
            raise ConfigError(
                f"hydra/launcher: slurm needs {command} on the path, and it is not; "
                "type the line on a machine of the cluster"
            )


@dataclass(frozen=True)
class Options:
    """What is asked for each job.

    Attributes:
        partition: that jobs are put into; None: the cluster's default, as with the other names.
        timeout_min: minutes after which Slurm ends a job; before, it is queued again.
        signal_delay_s: seconds before that when it is told.
        mem_gb: memory, in GB; None: the cluster's default.
        cpus_per_task: CPU cores, and the most threads it computes with.
        gpus_per_node: GPUs.
        gres: the same or others, as `gpu:a100:1`.
        account: that is charged.
        qos: quality of service.
        constraint: features that a node must have.
        exclude: nodes that are not taken.
        name: of jobs that have not begun; None: the sweep's.
        array_parallelism: so many run at once at most.

    Raises:
        ConfigError: a job would be told of its time limit before it begins.
    """

    partition: str | None
    timeout_min: int
    signal_delay_s: int
    mem_gb: float | None
    cpus_per_task: int | None
    gpus_per_node: int | None
    gres: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    exclude: str | None
    name: str | None
    array_parallelism: int

    def __post_init__(self) -> None:
        if self.signal_delay_s >= 60 * self.timeout_min:
            raise ConfigError(
                "hydra.launcher.signal_delay_s: must be shorter than hydra.launcher.timeout_min, "
                f"{60 * self.timeout_min} s, got {self.signal_delay_s}"
            )

    def parameters(self, name: str, arrays: int = 1) -> dict[str, Any]:
        """The same for `submitit.AutoExecutor`.

        Args:
            name: of jobs, where none is asked for.
            arrays: that share what may run at once.
        """
        cores = self.cpus_per_task or 1
        general = {
            "name": self.name or name,
            "timeout_min": self.timeout_min,
            "cpus_per_task": cores,
            "mem_gb": self.mem_gb,
            "gpus_per_node": self.gpus_per_node,
        }
        of_slurm = {
            **{key: getattr(self, key) for key in ("partition", "gres", "account", "qos", "constraint")},
            "exclude": self.exclude,
            "signal_delay_s": self.signal_delay_s,
            "array_parallelism": max(1, self.array_parallelism // arrays),
            # what srun does not take over from sbatch; all variables also where a site hands none on
            "srun_args": [f"--cpus-per-task={cores}", "--export=ALL"],
            "additional_parameters": {"requeue": True},
        }
        given = general | {f"slurm_{key}": value for key, value in of_slurm.items()}
        return {key: value for key, value in given.items() if value is not None}


@dataclass
class Submission:
    """Hands jobs of one sweep over to Slurm.

    Args:
        root: the sweep's folder.
        options: for each job.

    Attributes:
        folder: of logs, and of what travels; this process's own.
    """

    root: Path
    options: Options
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root = Path(os.path.abspath(self.root))
        self.folder = self.root / FOLDER / secrets.token_hex(4)
        if "%" in str(self.folder):
            raise ConfigError(
                f"hydra.sweep.dir: must have no % in its name, which Slurm reads as a sign, got {self.root}"
            )

    def __call__(self, works: Sequence[Callable[[], Any]], keep: Callable[[Sequence[Any]], None]) -> None:
        """Submit jobs.

        Args:
            works: what each does.
            keep: is given submitit's jobs, in order, part by part, as Slurm has taken them.

        Raises:
            ConfigError: Slurm does not take them; where it has taken none, nothing is left of them.
            KeyboardInterrupt: Ctrl-C has come meanwhile; those that Slurm has taken are kept.
        """
        import submitit

        logging.getLogger("submitit").setLevel(logging.ERROR)  # what it does not know is asked otherwise
        new, taken = missing(self.folder), 0
        said, held = io.StringIO(), Held()
        try:
            with held, _unheard(), contextlib.redirect_stderr(said):  # submitit prints what sbatch says
                self.folder.mkdir(parents=True, exist_ok=True)
                executor = submitit.AutoExecutor(folder=self.folder, cluster="slurm")
                arrays = -(-len(works) // MOST)
                executor.update_parameters(**self.options.parameters(self.root.name, arrays))
                for first in range(0, len(works), MOST):
                    keep(executor.submit_array(works[first : first + MOST]))
                    taken = first + MOST
        except (
            submitit.core.utils.FailedJobError,
            submitit.core.utils.FailedSubmissionError,
            OSError,
        ) as error:
            if not taken and self.folder in new:
                shutil.rmtree(self.folder, ignore_errors=True)
            remove_empty(*new)
            held.heed()
            why = of_the_system(error) or _why(str(error))
            raise ConfigError(f"hydra/launcher: Slurm does not take the jobs: {why}") from error


def _why(said: str) -> str:
    """What sbatch says, without its name."""
    lines = [line.strip().removeprefix("sbatch: error: ") for line in said.splitlines() if line.strip()]
    return brief("; ".join(lines), 300) if lines else "sbatch fails without a word"


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Meanwhile processes that are started do not hear of Ctrl-C: Slurm would keep what nobody knows of."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
