"""How long runs take here, side by side: some runs without a technique are made, which the race then has."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from regbench.errors import ConfigError
from regbench.records.files import undamaged
from regbench.storage.folders import missing, remove_empty
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.sweeps.sweep import Round, run_rounds
from regbench.terminal.screen import Screen

MOST = 0.02  # of the budget: runs that would take longer are not made, and a guess by a few steps has to do


@dataclass(frozen=True)
class Beside:
    """Seconds that a run takes beside what a few steps of it let expect.

    Attributes:
        training: as others are trained at the same time; it goes with the epochs.
        fixed: to compose, build and write it, whatever it trains.
    """

    training: float = 0.0
    fixed: float = 0.0


def besides(
    rounds: Sequence[Sequence[Job]],
    guess: float,
    budget: float,
    launch: Launch,
    console: Screen,
    clock: Callable[[], float] = time.monotonic,
) -> Beside:
    """What runs take beside a guess; nothing where none is made, or none ends.

    Args:
        rounds: jobs without a technique that have not been run, in each as many as run at once: the last is
            timed, as workers are started and the stack is audited before it.
        guess: seconds of one, by a few steps.
        budget: seconds of everything.
        launch: runs them.
        console: where they are shown.
        clock: gives seconds.

    Raises:
        KeyboardInterrupt: by a signal.
    """
    if guess > MOST * budget:
        return Beside()
    walls: list[float] = []

    def timed() -> Iterator[Round]:
        for jobs in rounds:
            started = clock()
            yield Round(jobs, tries=True)
            walls.append(clock() - started)

    run_rounds(launch, timed(), [], console=console)
    found = [undamaged(job.folder) for job in rounds[-1]]
    taken = [one.seconds for one in found if one and one.status.finished]
    if not taken:
        return Beside()
    training = statistics.median(taken)
    return Beside(max(0.0, training - guess), max(0.0, walls[-1] - training))


@contextmanager
def undone_if_refused(jobs: Sequence[Job], plan: Path) -> Iterator[None]:
    """Where the body refuses, take away the jobs' folders that were not there before, and those above them.

    Args:
        jobs: of one sweep, that the body may run.
        plan: a file; once another process has written it the runs are that one's too, and stay.
    """
    new = [job.folder for job in jobs if not job.folder.exists()]
    above = missing(jobs[0].folder.parent)
    try:
        yield
    except ConfigError:
        if not plan.exists():
            for folder in new:
                shutil.rmtree(folder, ignore_errors=True)
            remove_empty(*above)
        raise
