"""What stands on the board of a sweep, however narrow the terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from regbench.sweeps.jobs import Job
from regbench.sweeps.progress import SweepProgress

NAMES = [f"dropout+label_smoothing+mixup_seed{seed}_31fffed388" for seed in range(3)]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_names_on_the_board_are_not_broken_within_a_member(tmp_path: Path, width: int) -> None:
    jobs = [Job(number, [], {}, tmp_path / name) for number, name in enumerate(NAMES)]
    for job in jobs:
        job.folder.mkdir()
        (job.folder / "metrics.jsonl").touch()  # begun
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(SweepProgress(console, jobs, workers=3)._table())
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    shown = [word for line in lines for word in re.split(r"[\s+,]+", line) if word]
    for word in re.split(r"[\s+,]+", ", ".join(NAMES)):
        assert word in shown, f"{word} is broken:\n{out.getvalue()}"
