"""How a run ended, or did not."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What a run says of its end; the value is what stands in `summary.json`."""

    FINISHED = "finished"
    STOPPED = "stopped"  # by a member
    DIVERGED = "diverged"
    PRUNED = "pruned"  # stopped early by a search, as others were better
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def finished(self) -> bool:
        """Whether the run came to its end by itself, and its metrics are to be used."""
        return self in (Status.FINISHED, Status.STOPPED)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.finished or self in (Status.DIVERGED, Status.PRUNED)

    @property
    def exit_code(self) -> int:
        """Of the command that has run it."""
        return {Status.DIVERGED: 3, Status.FAILED: 1, Status.INTERRUPTED: 130}.get(self, 0)
