"""Jobs whose worker was lost, a killed process or a machine that is gone: run again, until that is no use."""

from __future__ import annotations

from dataclasses import dataclass

LOST = "lost"  # what comes of a job whose worker is gone
MOST_LOSSES = 3  # of workers in a row at one piece of work that has not come any further


class WorkerLost(Exception):
    """What ran a job is gone, and nothing is known of what came of it.

    A launcher returns one in the place of what the job would have returned.

    Args:
        said: one sentence.
        again: whether the job may be launched again; not where a person has cancelled it.
    """

    def __init__(self, said: str = "its worker was lost", again: bool = True) -> None:
        super().__init__(said, again)
        self.again = again

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass
class Losses:
    """Workers that were lost in a row at one piece of work where it stands.

    Attributes:
        count: how many.
        before: how far it had come, a number that grows.
    """

    count: int = 0
    before: int = -1

    def add(self, come: int) -> bool:
        """Count one more, lost when the work had come this far; whether it was one too many."""
        self.count, self.before = (self.count + 1 if come == self.before else 1), come
        return self.count >= MOST_LOSSES
