"""A run's configuration and the folder that it lives in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from regbench.composition.settings import Config
from regbench.instantiation.checking import Distrust


@dataclass(frozen=True)
class RunFolder:
    """What a run is told before it is built.

    Attributes:
        config: resolved.
        path: of the folder, which is there.
        choices: the option of each config group.
        console: where a person watches.
        distrust: what a configuration that was read from the folder may not call; None for one that is typed.
        notes: what a sweep is to say of the run, where nobody watches its console.
    """

    config: Config
    path: Path
    choices: Mapping[str, str]
    console: Console
    distrust: Distrust | None = None
    notes: list[str] = field(default_factory=list, compare=False)
