"""What a person watches of a sweep: a live table in a terminal, a plain line per ended job elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from regbench.columns import folded
from regbench.errors import ConfigError
from regbench.jobs import SweepJob, state_of
from regbench.records import ENDED, undamaged

EVERY = 0.5  # seconds between two looks at the folders
BETWEEN = 4  # blanks about two columns


class Board:
    """The state of a sweep's folders, looked at while its jobs run, whoever runs them.

    Args:
        console: where to show it.
        jobs: all jobs of the sweep.
        workers: how many run at once, for the estimate of the time left.
    """

    def __init__(self, console: Console, jobs: Sequence[SweepJob], workers: int = 1) -> None:
        self._console, self._jobs, self._workers = console, list(jobs), workers
        self._ended: dict[str, Mapping[str, Any]] = {}
        self._before = self._look()  # what had ended before
        self._started = time.perf_counter()
        self._stop = threading.Event()
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._table, transient=True)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Board:
        if self._console.is_terminal:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._report()
        if self._console.is_terminal:
            self._live.stop()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            self._report()

    def _report(self) -> None:
        ended = self._look()
        for count, job in enumerate(ended, len(self._ended) - len(ended) + 1):
            if not self._console.is_terminal:
                self._console.print(self._line(count, job), markup=False, highlight=False, soft_wrap=True)

    def _look(self) -> list[SweepJob]:
        """The jobs that have ended since the last look."""
        new = []
        for job in self._jobs:
            if job.name not in self._ended and _state(job) in ENDED:
                self._ended[job.name] = undamaged(job.folder)
                new.append(job)
        return new

    def _line(self, count: int, job: SweepJob) -> str:
        summary = self._ended[job.name]
        figures = ""
        metrics = (summary.get("last") or {}).get("metrics", {})
        if {"val/accuracy", "gap/accuracy"} <= metrics.keys():
            figures = f"  val {metrics['val/accuracy']:.4f}  gap {metrics['gap/accuracy']:+.4f}"
        counted, seconds = f"[{count}/{len(self._jobs)}]", f"{summary.get('seconds', 0):.1f} s"
        return f"{counted} {job.name}: {summary.get('status')}{figures}  {seconds}"

    def _seconds_left(self) -> float | None:
        """By what the jobs that have ended since the start took."""
        here = [s for name, s in self._ended.items() if name not in {job.name for job in self._before}]
        if not here:
            return None
        mean = (time.perf_counter() - self._started) / len(here)
        return mean * (len(self._jobs) - len(self._ended))

    def _table(self) -> RenderableType:
        states = {job.name: _state(job) for job in self._jobs if job.name not in self._ended}
        running = [name for name, state in states.items() if state == "left"]
        failed = [name for name, summary in self._ended.items() if summary.get("status") == "diverged"]
        failed += [name for name, state in states.items() if state == "failed"]
        table = Table(box=None, show_header=False)
        left = self._seconds_left()
        rows = {
            "done": f"{len(self._ended)} of {len(self._jobs)}",
            "running": ", ".join(running[: self._workers]) or "-",
            "left": str(len(self._jobs) - len(self._ended)),
            "failed": ", ".join(failed) or "0",
            "time left": "-" if left is None else _duration(left),
            "best so far": self._best(),
        }
        room = self._console.width - max(map(len, rows)) - BETWEEN
        for what, said in rows.items():
            table.add_row(what, Text(folded(said, max(1, room), True)))  # a name is no markup
        return Group(ProgressBar(total=len(self._jobs), completed=len(self._ended), width=40), table)

    def _best(self) -> str:
        """By the select split, which chooses, with the val accuracy, which judges."""
        found = {n: s["best"]["metrics"] for n, s in self._ended.items() if s.get("best")}
        found = {n: m for n, m in found.items() if {"select/accuracy", "val/accuracy"} <= m.keys()}
        if not found:
            return "-"
        name = max(found, key=lambda n: found[n]["select/accuracy"])
        return f"{name}, val {found[name]['val/accuracy']:.4f}"


def _state(job: SweepJob) -> str:
    """How far a job has come; what cannot be looked at is not done."""
    try:
        return state_of(job.folder)
    except ConfigError:
        return "left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
