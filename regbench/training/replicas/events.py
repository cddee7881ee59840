"""What the training of several runs at once reports."""

from __future__ import annotations

from dataclasses import dataclass

from regbench.training.loop import EpochEnd


@dataclass(frozen=True, slots=True)
class ReplicaEnd:
    """One run of a stack has done an epoch, or has diverged in it.

    Attributes:
        index: of the run, among those that the stack was made of.
        event: of its epoch; None where it has diverged.
        diverged: what was not finite, a sentence's end as that of `Diverged`; empty where all was.
    """

    index: int
    event: EpochEnd | None
    diverged: str = ""
