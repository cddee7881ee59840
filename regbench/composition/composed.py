"""One job of a command line, as it has been composed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Composed:
    """A resolved configuration, and what Hydra makes of it.

    Attributes:
        config: resolved.
        folder: where it will run; of a job of a sweep, the sweep's folder as the command line has it.
        overrides: the words of the command line that make it.
        choices: which option of each group was chosen.
    """

    config: dict[str, Any]
    folder: Path
    overrides: list[str]
    choices: dict[str, str]
