"""How long runs take here, side by side: some runs without a technique are made, which the race then has."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from regbench.records.files import undamaged
from regbench.sweeps.jobs import Job
from regbench.sweeps.launcher import Launch
from regbench.sweeps.sweep import Round, run_rounds
from regbench.terminal.screen import Screen

MOST = 0.02  # of the budget: runs that would take longer are not made, and a guess by a few steps has to do


def besides(jobs: Sequence[Job], guess: float, budget: float, launch: Launch, console: Screen) -> float:
    """Seconds that a run takes beside what a few steps of it let expect; 0 where none is made, or none ends.

    Args:
        jobs: without a technique, as many as run at once.
        guess: seconds of one, by a few steps.
        budget: seconds of everything.
        launch: runs them.
        console: where they are shown.

    Raises:
        KeyboardInterrupt: by a signal.
    """
    if guess > MOST * budget:
        return 0.0
    run_rounds(launch, [Round(jobs, tries=True)], [], console=console)
    found = [undamaged(job.folder) for job in jobs]
    taken = [one.seconds for one in found if one and one.status.finished]
    return max(0.0, statistics.median(taken) - guess) if taken else 0.0
