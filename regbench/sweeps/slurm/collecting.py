"""Jobs in Slurm's hands: each collected as it ends, and one that is lost handed over again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from regbench.errors import ConfigError, brief
from regbench.sweeps.jobs import epochs_in
from regbench.sweeps.losses import Losses, WorkerLost
from regbench.sweeps.slurm.queue import (
    CANCELLED,
    COMPLETED,
    ENDED,
    NODE_FAIL,
    PREEMPTED,
    UNKNOWN,
    Unanswered,
    cancel,
    states,
)
from regbench.sweeps.slurm.submission import Submission
from regbench.sweeps.slurm.work import Work

BETWEEN_LOOKS = 0.5  # seconds, at the folder
SOONEST, LATEST, SHARE = 2.0, 20.0, 0.05  # seconds between questions to Slurm, and of what it took so far
# Seconds for which a job must have ended before it is lost that has left no result. A result may show late in
# a folder that several machines share, and Slurm may start again what has made room, or lost its node.
PATIENCE = dict.fromkeys([COMPLETED, UNKNOWN, PREEMPTED, NODE_FAIL], 60.0)
USUAL_PATIENCE = 2.0
SLURMS = ("srun: ", "slurmstepd")  # how lines begin that Slurm itself puts into a log


def _itself(lost: WorkerLost) -> WorkerLost:
    return lost


class Collector:
    """Has Slurm run jobs, and collects what comes of each.

    Args:
        submission: hands them over.
        works: what each does.
        unable: is called as soon as one is given up, as with --fail-fast none begins after that; what it
            returns is taken for what the job returned.
    """

    def __init__(
        self, submission: Submission, works: Sequence[Work], unable: Callable[[WorkerLost], Any] = _itself
    ) -> None:
        self._submission, self._works, self._unable = submission, works, unable
        self._running: dict[int, Any] = {}  # by the place in `works`, submitit's job
        self._waiting: list[int] = []  # lost, and not handed over again yet
        self._found: dict[int, Any] = {}
        self._losses = [Losses() for _ in works]
        self._ended: dict[str, float] = {}  # since when a job is known to have ended without a result
        self._silent = False  # whether Slurm gave no answer when it was last asked
        self._refused = ""  # why it took no jobs the last time

    def __call__(self) -> list[Any]:
        """What each returned; a `WorkerLost`, not to be repeated, of one that was given up.

        Raises:
            ConfigError: Slurm does not take the jobs.
            KeyboardInterrupt: Ctrl-C; they have been cancelled.
        """
        begun = asked = time.monotonic()
        try:
            self._submit(range(len(self._works)))
            while self._running or self._waiting:
                time.sleep(BETWEEN_LOOKS)
                self._take_results()
                now = time.monotonic()
                if now - asked >= min(LATEST, max(SOONEST, SHARE * (now - begun))):
                    self._ask()
                    self._submit_again()
                    asked = time.monotonic()
        except BaseException:  # whatever it is, nobody would collect them
            self._cancel()
            raise
        return [self._found[place] for place in range(len(self._works))]

    def _submit(self, places: Sequence[int]) -> None:
        left = iter(places)

        def keep(jobs: Sequence[Any]) -> None:
            self._running.update((next(left), job) for job in jobs)

        self._submission([self._works[place] for place in places], keep)

    def _submit_again(self) -> None:
        if not self._waiting:
            return
        try:
            self._submit(self._waiting)
        except ConfigError as error:  # of a controller that is about to be started, say
            if str(error) != self._refused:
                _say(f"{error}; it is asked again")
            self._refused = str(error)
        else:
            self._refused = ""
        finally:  # it may have taken some of them
            self._waiting = [place for place in self._waiting if place not in self._running]

    def _take_results(self) -> None:
        """Collect those that have left one, whatever Slurm says of them."""
        there = _names(self._submission.folder)
        for place, job in [*self._running.items()]:
            if job.paths.result_pickle.name in there:
                del self._running[place]
                value = _result(job)
                if isinstance(value, WorkerLost):
                    self._lose(place, value)
                else:
                    self._found[place] = value
                for path in (job.paths.result_pickle, job.paths.submitted_pickle):
                    with suppress(OSError):
                        path.unlink()

    def _ask(self) -> None:
        """Ask Slurm, and take those for lost that it knows to have ended without a result."""
        if not self._running:
            return
        try:
            known = states([job.job_id for job in self._running.values()])
        except Unanswered as error:
            if not self._silent:
                _say(f"Slurm gives no answer ({error}); it is asked again, and jobs that run go on")
            self._silent = True
            return
        if self._silent:
            _say("Slurm answers again")
        self._silent = False
        self._take_results()  # what was left meanwhile
        now = time.monotonic()
        for place, job in [*self._running.items()]:
            state = known.get(job.job_id, UNKNOWN)
            if state not in ENDED:
                self._ended.pop(job.job_id, None)
                continue
            since = self._ended.setdefault(job.job_id, now)
            if now - since >= PATIENCE.get(state, USUAL_PATIENCE):
                del self._running[place]
                self._lose(place, WorkerLost(_said(state, job), again=state != CANCELLED))

    def _lose(self, place: int, lost: WorkerLost) -> None:
        """Hand a job over again, unless a person has ended it or that has been no use."""
        work = self._works[place]
        if not lost.again or self._losses[place].add(epochs_in(work.folder)):
            self._found[place] = self._unable(WorkerLost(str(lost), again=False))
            return
        _say(f"{work.folder.name}: {lost}; it is launched again")
        self._waiting.append(place)

    def _cancel(self) -> None:
        """End what runs or waits, which stops after its step."""
        jobs = [job.job_id for job in self._running.values()]
        if not jobs:
            return
        try:
            said = f"Slurm's jobs {cancel(jobs)} are cancelled, and stop after their step"
        except (Unanswered, KeyboardInterrupt) as error:  # the latter: at once
            arrays = " ".join(sorted({job.partition("_")[0] for job in jobs}))
            why = str(error) or "interrupted"
            said = f"Slurm's jobs may go on, as they were not cancelled ({why}); type scancel {arrays}"
        _say(said)


def _names(folder: Path) -> set[str]:
    """What lies in a folder. To list it has a shared file system look again."""
    with suppress(OSError):
        return {path.name for path in folder.iterdir()}
    return set()


def _result(job: Any) -> Any:
    """What a job has left: what it returned, or that it raised, which it would again."""
    import submitit

    try:
        return job.result()
    except submitit.core.utils.FailedJobError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        rules = [number for number, line in enumerate(lines) if set(line.strip()) == {"-"}]
        raised = lines[rules[-1] - 1].strip() if rules else lines[-1]
        return WorkerLost(f"its worker failed: {brief(raised)}; see {_shown(job.paths.stderr)}", again=False)
    except (submitit.core.utils.UncompletedJobError, OSError) as error:  # listed, and gone before it was read
        return WorkerLost(f"its worker was lost: what it left cannot be read: {brief(str(error))}")


def _said(state: str, job: Any) -> str:
    """One sentence on a job that has left no result; with the last line of its log where it never began."""
    said = f"its worker was lost ({state})"
    if state == CANCELLED or _last_line(job.paths.stdout):
        return said
    line = _last_line(job.paths.stderr)
    if line:
        return f"{said} before it began: {brief(line)}; see {_shown(job.paths.stderr)}"
    return f"{said} before it began, without a line in {_shown(job.paths.stderr)}"


def _last_line(path: Path) -> str:
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").split("\n") if line.strip()]
    except OSError:
        return ""
    own = [line for line in lines if not line.startswith(SLURMS)]
    return (own or lines or [""])[-1]


def _shown(path: Path) -> Path:
    return Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path


def _say(line: str) -> None:
    """Say something above the board, which takes what is printed meanwhile."""
    print(line, flush=True)
