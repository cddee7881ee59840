"""Jobs to the launcher that a command line names, or side by side in workers of this process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf, open_dict

from regbench.assembly.device import cores
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import LAUNCHER, in_sweep, keys_of
from regbench.composition.composer import Composer
from regbench.composition.hydra_interface import context
from regbench.composition.spelling import escaped
from regbench.errors import ConfigError, brief
from regbench.runs.interruption import released
from regbench.storage.shared import sharing
from regbench.sweeps.claiming import Claiming, Task
from regbench.sweeps.forking import Server
from regbench.sweeps.jobs import Job
from regbench.sweeps.needs import asked_for
from regbench.sweeps.placing import DECIDING, Placement, Way, placement_by, require_placeable
from regbench.sweeps.seats import InWorker, Seats
from regbench.sweeps.threads import threads_of_each
from regbench.sweeps.units import Unit, in_order, results
from regbench.sweeps.words import words_of
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
        ConfigError: there is no such launcher, or none can work in the current folder.
    """

    def __init__(self, line: CommandLine, composer: Composer | None = None) -> None:
        if (
            "${" in os.getcwd()
        ):  # Hydra writes the path of a job's folder into its configuration, and reads it so
            raise ConfigError(
                "hydra.sweep.dir: the current folder's path must have no ${, which Hydra would fill in, got "
                + brief(os.getcwd())
            )
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
        self.is_ours = target.endswith((".SideBySide", ".BasicLauncher"))
        in_turn = self.is_ours and not self._side_by_side
        here = self._side_by_side or "n_jobs" in config.hydra.launcher
        self._way = Way.IN_TURN if in_turn else Way.HERE if here else Way.AWAY
        self.leaves = self._way is Way.AWAY
        with open_dict(config):  # here alone: each job is recorded with the sweeper of its line
            config.hydra.sweeper = {"_target_": SWEEPER}
        self._config = config
        joined = getattr(get_class(target), "joined", None)
        self._cluster: Any = joined(config.hydra.launcher) if joined else None  # kept for the whole sweep
        devices: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, list(DECIDING)))
        self._devices: dict[str, Any] = devices
        require_placeable(self._devices, self._way, list(config.hydra.launcher))
        self._workers: Workers | None = None
        self._shared: Path | None = None
        self._seated = False  # whether processes of another's launcher have taken seats
        self._is_entered = False
        self._open = ExitStack()

    def __enter__(self) -> Launch:
        with ExitStack() as opened:
            if self._way is Way.HERE and (self._slots > 1 or torch.backends.cuda.is_built()):
                self._shared = opened.enter_context(sharing())
                server = self._server(self._shared, opened)
                if server and self._side_by_side:
                    self._workers = Workers(server, self._placement.environment, self._placement.seats)
                    opened.callback(self._workers.close)
            if self._cluster:
                opened.callback(self._cluster.close)
            opened.enter_context(self._placement.here())
            self._open = opened.pop_all()
        self._is_entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self._workers, self._shared, self._seated = None, None, False
        self._is_entered = False
        self._open.close()

    def _server(self, shared: Path, opened: ExitStack) -> Server | None:
        """It starts workers, and takes away what is shared, however this process ends."""
        if not hasattr(os, "fork"):
            return None
        server = Server(self._in_worker, partial(shutil.rmtree, shared, ignore_errors=True))
        opened.callback(server.close)
        return server

    @cached_property
    def _placement(self) -> Placement:
        """Asked for when processes have been copied: to count devices may be to use one."""
        limit = None if self._asked in (None, -1) else int(self._asked)
        return placement_by(self._way, self._devices, limit)

    @property
    def _slots(self) -> int:
        """How many jobs of one thread run at once."""
        return cores() if self._asked in (None, -1) else int(self._asked)

    def at_once(self, jobs: Sequence[Job]) -> int:
        """How many jobs like these run at once; where some take more threads than others, on the mean."""
        if self._cluster:
            if self._is_entered:
                self._cluster.join()
            return self._cluster.at_once(asked_for(self._config.hydra.launcher, jobs))  # type: ignore[no-any-return]
        if self._way is not Way.HERE:
            return max((self._config.hydra.launcher.get(key) or 1 for key in ELSEWHERE), default=1)
        weights, seats = self._weights(jobs), len(self._placement.seats)
        if weights and not any(weights):
            return seats
        weight = sum(weights) / len(weights) if self._side_by_side and weights else max(weights, default=1)
        several = max(1, int(self._slots / weight))
        return several if self._side_by_side or 0 not in weights else min(several, seats)

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
        asked = [Unit(made, unit, place[unit[0].name]) for unit in units]
        if self._workers and len(units) > 1:
            weights = [max(self._weights(unit)) for unit in units]
            if sum(sorted(weights)[:2]) <= self._slots:  # else no two of them run together
                return in_order(jobs, asked, self._handed_over(self._workers, asked, weights))
        if self.groups:
            return in_order(jobs, asked, [self._in_worker(one) for one in asked])
        if self._way is Way.HERE:
            return self._by_others(made, jobs)
        self._config.hydra.launcher.update(asked_for(self._config.hydra.launcher, jobs))
        return self._launched(made, list(jobs), 0)

    def _by_others(self, task: Task[T], jobs: Sequence[Job]) -> list[T]:
        """What comes of jobs that processes of another's launcher run; as many at once as may be."""
        found: dict[str, T] = {}
        seats = Seats(self._shared, self._placement.seats).made() if self._shared else None
        inner = replace(task, run=InWorker(task.run, self._shared, seats))
        for numbers in self._placement.parts([one.config["device"] for one in jobs]):
            part = [jobs[number] for number in numbers]
            self._seated = self._seated or 0 in self._weights(part)
            several = self.at_once(part)  # others may see another GPU than their workers, which keep theirs
            several = min(several, len(self._placement.seats)) if self._seated else several
            self._config.hydra.launcher.n_jobs = several
            came = self._launched(inner, part, len(found))
            found |= {one.name: result for one, result in zip(part, came, strict=True)}
        return [found[one.name] for one in jobs]

    def _launched(self, task: Task[T], jobs: Sequence[Job], first: int) -> list[T]:
        where = escaped(jobs[0].folder.parent)
        with open_dict(self._config):
            self._config.hydra.sweep.dir = where
        sweeper: Any = Plugins.instance().instantiate_sweeper(
            hydra_context=context(Claiming(self.composer)), task_function=task, config=self._config
        )
        if self._cluster:
            sweeper.launcher.cluster = self._cluster
        return sweeper.sweep([words_of(job) for job in jobs], first)  # type: ignore[no-any-return]

    def _handed_over(
        self, workers: Workers, units: Sequence[Unit[T]], weights: Sequence[int]
    ) -> list[list[T]]:
        """What comes of units that workers run; as many at once as there are slots for."""
        pieces = [Piece(one.bare(), weight, one.epochs) for one, weight in zip(units, weights, strict=True)]
        with released():
            found = workers(pieces, self._slots)
        return [results(came, one) for came, one in zip(found, units, strict=True)]

    def _in_worker(self, unit: Unit[Any]) -> list[Any]:
        if len(unit.jobs) == 1:
            return self._launched(unit.task, unit.jobs, unit.first)
        several: Any = unit.task.run
        prepared = self._launched(Task(several.prepare, unit.task.unable), unit.jobs, unit.first)
        return several.run(prepared)  # type: ignore[no-any-return]
