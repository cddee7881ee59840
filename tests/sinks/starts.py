"""What sinks under test are told of a run."""

from __future__ import annotations

from pathlib import Path

from regbench.sinks.base import Start
from regbench.types import Record


def start(folder: Path, *history: Record) -> Start:
    """Of a run in a folder, after these epochs."""
    config = {"seed": 3, "reg": {"dropout": {"p": 0.5}}, "train": {"epochs": 5}}
    return Start(folder, folder.name, "dropout", 3, "0123456789abcdef" * 4, config, 5, history)
