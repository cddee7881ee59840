"""What a sink is: a place where a run shows its records. Your own is derived from `Sink`, docs/sinks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from regbench.types import Record


@dataclass(frozen=True)
class Start:
    """What a sink is told of a run when a session of it begins.

    Attributes:
        folder: of the run; what a sink writes there lies in a folder of its own.
        name: of that folder.
        stack: the members' names joined by +, or `baseline`.
        seed: of the run.
        identity: a hash of all that decides its results, the seed included; 64 hexadecimal digits.
        config: resolved, as plain values.
        epochs: of the whole run.
        history: of the epochs that are done; empty where the run has not been stopped before.
    """

    folder: Path
    name: str
    stack: str
    seed: int
    identity: str
    config: Mapping[str, Any]
    epochs: int
    history: Sequence[Record] = ()


class Sink:
    """Takes one record after another, and what else a run shows; what it has no use for it passes over.

    Each method does nothing here, and an own sink overrides those that it needs. The order is `start`,
    `show`, then `step` and `write` for each epoch, and at the end `show`, `tell`, `end`, `close`. A run that
    is resumed has a new sink, which is told the history. One that raises is told to close, is given nothing
    more, and does not end the run.

    Attributes:
        needs: packages that it imports later, each with what `pip install` takes for it; a run without them
            is refused before it begins.
    """

    needs: ClassVar[Mapping[str, str]] = {}

    def start(self, run: Start) -> None:
        """A session of the run begins, the first or one after a stop."""

    def step(self, epoch: int, share: float) -> None:
        """Part of an epoch is done; not called where runs are trained together.

        Args:
            epoch: how many were done before it.
            share: of it, in (0, 1].
        """

    def write(self, record: Record) -> None:
        """Take the record of an epoch that is done."""

    def show(self, pictures: Mapping[str, Tensor], epoch: int = 0) -> None:
        """Put each of the pictures, (N, C, H, W) in [0, 1], up as one grid under its name."""

    def tell(self, texts: Mapping[str, str], epoch: int) -> None:
        """Put each of the texts, in Markdown, up under its name."""

    def end(self, summary: Mapping[str, Any]) -> None:
        """The run has ended, or was interrupted.

        Args:
            summary: what its `summary.json` holds, docs/records.md.
        """

    def close(self) -> None:
        """Let go of what is open; nothing comes after it. Without `end` before it the run has not ended."""

    def command(self) -> str:
        """What to type to see what it has taken, for the last lines of a run; or nothing."""
        return ""
