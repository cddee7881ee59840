"""Jobs to the launcher that a command line names, or side by side in workers of this process."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import torch
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from regbench.assembly.device import cores
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import LAUNCHER, in_sweep, keys_of
from regbench.composition.composer import Composer
from regbench.composition.hydra_interface import context
from regbench.composition.spelling import escaped, quoted
from regbench.errors import ConfigError
from regbench.runs.interruption import released
from regbench.storage.shared import sharing
from regbench.sweeps.claiming import Claiming, Task
from regbench.sweeps.forking import Server
from regbench.sweeps.jobs import Job
from regbench.sweeps.needs import fill_in
from regbench.sweeps.placing import DECIDING, Placement, placement, require_placeable
from regbench.sweeps.threads import threads_of_each
from regbench.sweeps.workers import Piece, Workers

T = TypeVar("T")
ELSEWHERE = ("array_parallelism", "at_once")  # keys of launchers that leave this machine: jobs at once
SWEEPER = "hydra_plugins.regbench_sweeper.known_jobs.KnownJobs"


class Launch:
    """Run jobs by the launcher that a command line names; by default side by side, where that is sooner.

    Within its context it has workers; to be entered before anything is computed, as they are copies of this
    process (`Server`). Outside, and where there are none, it runs in turn what it would run side by side.

    Args:
        line: the command line.
        composer: of the line's jobs, which has composed them.

    Attributes:
        composer: composes the jobs, here and in the workers.
        leaves: whether jobs run on other machines.
        is_ours: whether a signal stops jobs after their step; by launchers of others it ends them at once.

    Raises:
        ConfigError: there is no such launcher.
    """

    def __init__(self, line: CommandLine, composer: Composer | None = None) -> None:
        self.composer = composer or Composer(line.config_dir)
        overrides = in_sweep(list(line.overrides))
        quiet = ["hydra/hydra_logging=none", "hydra.job_logging.root.handlers=[file]"]
        config = self.composer.compose([*overrides, *quiet], RunMode.MULTIRUN)
        keys, target = keys_of(overrides), str(config.hydra.launcher.get("_target_"))
        self._asked = config.hydra.launcher.get("n_jobs") if "hydra.launcher.n_jobs" in keys else None
        self._side_by_side = target.endswith(".SideBySide") or (
            target.endswith(".BasicLauncher") and LAUNCHER not in keys
        )
        self._side_by_side = self._side_by_side and hasattr(os, "fork")
        self._several = self._side_by_side or "n_jobs" in config.hydra.launcher
        self.leaves = any(key in config.hydra.launcher for key in ELSEWHERE)
        self.is_ours = target.endswith((".SideBySide", ".BasicLauncher"))
        with open_dict(config):  # here alone: each job is recorded with the sweeper of its line
            config.hydra.sweeper = {"_target_": SWEEPER}
        self._config = config
        devices: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, list(DECIDING)))
        self._devices: dict[str, Any] = devices
        require_placeable(self._devices, self._side_by_side)
        self._workers: Workers | None = None
        self._open = ExitStack()

    def __enter__(self) -> Launch:
        with ExitStack() as opened:
            if self._side_by_side and (self._slots > 1 or torch.backends.cuda.is_built()):
                shared = opened.enter_context(sharing())
                server = Server(self._in_worker, partial(shutil.rmtree, shared, ignore_errors=True))
                opened.callback(server.close)
                workers = Workers(server, self._placement.environment, self._placement.seats)
                opened.callback(workers.close)
                self._workers = workers
            opened.enter_context(self._placement.here())
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._workers = None
        self._open.close()

    @cached_property
    def _placement(self) -> Placement:
        """Asked for when processes have been copied: to count devices may be to use one."""
        if not self._side_by_side:
            return Placement()
        limit = None if self._asked in (None, -1) else int(self._asked)
        return placement(self._devices["devices"], self._devices["per_device"], limit)

    @property
    def _slots(self) -> int:
        """How many jobs of one thread run at once."""
        return cores() if self._asked in (None, -1) else int(self._asked)

    def at_once(self, jobs: Sequence[Job]) -> int:
        """How many jobs like these run at once; where some take more threads than others, on the mean."""
        if not self._several:
            return max((self._config.hydra.launcher.get(key) or 1 for key in ELSEWHERE), default=1)
        weights = self._weights(jobs)
        if weights and not any(weights):
            return len(self._placement.seats)
        weight = sum(weights) / len(weights) if self._side_by_side and weights else max(weights, default=1)
        return max(1, int(self._slots / weight))

    def _weights(self, jobs: Sequence[Job]) -> list[int]:
        """How many of the slots each job takes; 0 where it takes a GPU."""
        weights = threads_of_each(jobs) if self._asked is None else [1] * len(jobs)
        return [
            self._placement.weight(job.config["device"], weight, self._slots)
            for job, weight in zip(jobs, weights, strict=True)
        ]

    @property
    def groups(self) -> bool:
        """Whether several jobs can be run together in one process, with nothing of Hydra's about each."""
        job = self._config.hydra.job
        return self.is_ours and not (job.chdir or job.env_set or self._config.hydra.get("callbacks"))

    def __call__(
        self,
        task: Callable[[DictConfig], T],
        jobs: Sequence[Job],
        unable: Callable[[Exception], T],
        units: Sequence[Sequence[Job]] = (),
    ) -> list[T]:
        """What the task returns for each job.

        Args:
            task: runs one; where it is to be run by another process, it can be pickled. Where units are of
                several jobs, it prepares each (`prepare`) and then runs them together (`run`).
            jobs: of one sweep.
            unable: what to return for one whose folder cannot be written, or whose processes are killed.
            units: the same jobs, those together that are run together; each by itself where none are given.

        Raises:
            KeyboardInterrupt: one of them was stopped by a signal.
            OSError: what Hydra writes cannot be written, where another's launcher runs several at once.
        """
        units = units or [[one] for one in jobs]
        made = Task(task, unable)
        place = {one.name: number for number, one in enumerate(jobs)}
        asked = [_Unit(made, unit, place[unit[0].name]) for unit in units]
        if self._workers and len(units) > 1:
            weights = [max(self._weights(unit)) for unit in units]
            if sum(sorted(weights)[:2]) <= self._slots:  # else no two of them run together
                return _in_order(jobs, asked, self._handed_over(self._workers, asked, weights))
        if self.groups:
            return _in_order(jobs, asked, [self._in_worker(one) for one in asked])
        if self._several and self._asked is None:
            self._config.hydra.launcher.n_jobs = self.at_once(jobs)
        fill_in(self._config.hydra.launcher, jobs)
        return self._launched(made, list(jobs), 0)

    def _launched(self, task: Task[T], jobs: Sequence[Job], first: int) -> list[T]:
        where = escaped(jobs[0].folder.parent)
        with open_dict(self._config):
            self._config.hydra.sweep.dir = where
        sweeper: Any = Plugins.instance().instantiate_sweeper(
            hydra_context=context(Claiming(self.composer)), task_function=task, config=self._config
        )
        return sweeper.sweep([_words(job) for job in jobs], first)  # type: ignore[no-any-return]

    def _handed_over(
        self, workers: Workers, units: Sequence[_Unit[T]], weights: Sequence[int]
    ) -> list[list[T]]:
        """What comes of units that workers run; as many at once as there are slots for."""
        pieces = [Piece(one.bare(), weight, one.epochs) for one, weight in zip(units, weights, strict=True)]
        with released():
            found = workers(pieces, self._slots)
        return [_results(came, one) for came, one in zip(found, units, strict=True)]

    def _in_worker(self, unit: _Unit[Any]) -> list[Any]:
        if len(unit.jobs) == 1:
            return self._launched(unit.task, unit.jobs, unit.first)
        several: Any = unit.task.run
        prepared = self._launched(Task(several.prepare, unit.task.unable), unit.jobs, unit.first)
        return several.run(prepared)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Unit(Generic[T]):
    """Jobs that one process runs together.

    Attributes:
        task: what is done with them.
        jobs: at least one.
        first: the number of the first among all.
    """

    task: Task[T]
    jobs: Sequence[Job]
    first: int

    def bare(self) -> _Unit[T]:
        """Without what another process composes for itself."""
        return replace(self, jobs=[replace(job, config={}) for job in self.jobs])

    def epochs(self) -> int:
        """How many epochs of its runs are recorded."""
        return sum(job.epochs() for job in self.jobs)


def _in_order(jobs: Sequence[Job], units: Sequence[_Unit[T]], came: Sequence[list[T]]) -> list[T]:
    """What came of each job, in the order of the jobs."""
    pairs = (zip(unit.jobs, found, strict=True) for unit, found in zip(units, came, strict=True))
    of = {job.name: result for several in pairs for job, result in several}
    return [of[job.name] for job in jobs]


def _results(came: Any, unit: _Unit[T]) -> list[T]:
    """What a worker has returned for its jobs; what it has raised is raised, but for what ends these alone.

    Raises:
        Exception: it has.
    """
    if isinstance(came, (ConfigError, OSError)):
        return [unit.task.unable(came) for _ in unit.jobs]
    if isinstance(came, Exception):
        raise came
    return came  # type: ignore[no-any-return]


def _words(job: Job) -> str:
    """The words that make a job, as they are typed in a shell, and the place of its folder."""
    where = [f"hydra.sweep.dir={quoted(job.folder.parent)}", f"hydra.sweep.subdir={quoted(job.name)}"]
    return shlex.join([*_of_task(job.overrides), *where])


def _of_task(overrides: Sequence[str]) -> list[str]:
    """Without what is Hydra's own: the launcher adds that."""
    return [o for o, key in zip(overrides, keys_of(overrides), strict=True) if not key.startswith("hydra")]
