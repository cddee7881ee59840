"""A job on its way to a worker of Ray's, and what that does with it."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from hydra.utils import get_class
from omegaconf import DictConfig

from regbench.errors import ConfigError
from regbench.folders.lock import is_locked
from regbench.folders.state import state_of
from regbench.runs.interruption import Held, StopRequest
from regbench.sweeps.jobs import epochs_in
from regbench.sweeps.words import folder_in

# Variables of a machine's own: where a worker has one it keeps it, all others are as where the line is typed.
OWN = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "HOSTNAME", "DISPLAY", "LD_LIBRARY_PATH"),
    *("LD_PRELOAD", "TMPDIR", "TMP", "TEMP", "PYTHONPATH", "VIRTUAL_ENV"),
)
OWN_KINDS = ("SSH_", "XDG_", "SLURM_", "NVIDIA_")
IN_PROCESS = "hydra_plugins.regbench_launcher.side_by_side.SideBySide"  # runs one job in a worker
RAYS = ("RAY_", "CUDA_VISIBLE_DEVICES")  # never sent: Ray sets them for each worker


@dataclass(frozen=True)
class Piece:
    """One job.

    Attributes:
        words: that make it.
        number: among all.
        folder: of its run; None where the sweeper has not named it.
    """

    words: tuple[str, ...]
    number: int
    folder: Path | None

    @property
    def name(self) -> str:
        """By which it is told of."""
        return self.folder.name if self.folder else f"job {self.number}"

    def epochs(self) -> int:
        """How many epochs of its run are recorded."""
        return epochs_in(self.folder) if self.folder else 0

    def is_taken(self) -> bool:
        """Whether another line works at it, or has done it meanwhile."""
        with suppress(ConfigError):
            return self.folder is not None and (is_locked(self.folder) or state_of(self.folder).ended)
        return False


@dataclass(frozen=True)
class Common:
    """What all jobs of a call share, as Hydra hands it to a launcher."""

    context: HydraContext
    config: DictConfig
    task: Any  # what a sweep of ours has run, which says what to return of a job that is given up

    def packed(self) -> bytes:
        """It, and what Hydra knows in this process."""
        state = Singleton.get_state()
        return cloudpickle.dumps((self.context, self.config, self.task, state))


def pieces(words: Sequence[Sequence[str]], first: int) -> list[Piece]:
    """The jobs of a call; the last two words of one name its folder, where the sweep is ours."""
    return [Piece(tuple(one), number, folder_in(one)) for number, one in enumerate(words, first)]


def surroundings() -> Mapping[str, Any]:
    """What a worker must have as this process has it: its folder, import path and environment."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(RAYS)}
    path = [os.path.abspath(one or os.getcwd()) for one in sys.path]
    mine = tuple(os.path.abspath(one) for one in (sys.prefix, sys.base_prefix))
    return {
        "cwd": os.getcwd(),
        "path": [one for one in path if not one.startswith(mine)],  # a worker has its own Python's
        "environ": ours,
        "own": (OWN, OWN_KINDS),
    }


# --- in a worker


def work(common: bytes, packed: bytes, come: int) -> tuple[str, Any]:
    """Run one job in a worker of Ray's.

    Args:
        common: of all jobs.
        packed: the job.
        come: how many of its epochs were recorded when it was handed to Ray.

    Returns:
        `returned` and Hydra's `JobReturn`, pickled; `further` and a number of epochs where more are recorded,
        so that this is a worker after one that was lost, and whoever counts those must be told; `stopped`.
    """
    piece: Piece = pickle.loads(packed)
    if piece.epochs() != come and not piece.is_taken():
        return "further", piece.epochs()
    StopRequest.told = False
    context, config, task, state = pickle.loads(common)
    Singleton.set_state(state)
    try:
        with Held():
            return "returned", _packed(_run(context, config, task, piece))
    except KeyboardInterrupt:
        return "stopped", None


def _run(context: HydraContext, config: DictConfig, task: TaskFunction, piece: Piece) -> JobReturn:
    launcher = get_class(IN_PROCESS)(n_jobs=1)
    launcher.setup(hydra_context=context, task_function=task, config=config)
    (done,) = launcher.launch([list(piece.words)], piece.number)
    return done  # type: ignore[no-any-return]


def _packed(done: JobReturn) -> bytes:
    done.cfg = done.hydra_cfg = None  # they would pile up
    try:
        made: bytes = cloudpickle.dumps(done)
        pickle.loads(made)
    except Exception:  # of what a person's code has raised
        error = done._return_value
        done.return_value = RuntimeError(f"{type(error).__name__}: {error}")
        return cloudpickle.dumps(done)
    return made
