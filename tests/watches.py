"""What gives runs up in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from regbench.types import Record

SAID = "it was worse than others"


@dataclass
class At:
    """Prunes after an epoch, and takes down after which it was asked."""

    epoch: int
    asked: list[int] = field(default_factory=list)

    def __call__(self, history: Sequence[Record]) -> str:
        assert [one.epoch for one in history] == list(range(1, len(history) + 1))
        self.asked.append(history[-1].epoch)
        return SAID if history[-1].epoch == self.epoch else ""
