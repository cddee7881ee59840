"""What a person watches of a sweep: a live table in a terminal, a plain line per ended job elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid
from rich.text import Text

from regbench.errors import listed
from regbench.folders.state import State
from regbench.records.metrics import decider_of, smaller_is_better
from regbench.records.status import Status
from regbench.records.summary import Summary
from regbench.sweeps.jobs import Job
from regbench.sweeps.watching import Watch
from regbench.terminal.columns import Table, folded
from regbench.terminal.screen import drawn

EVERY = 0.5  # seconds between two looks at the folders
BETWEEN = 4  # blanks about two columns
NAMED = 5  # failed jobs whose names are shown

Board = Callable[[Sequence[Job]], Table]


class SweepProgress:
    """The state of a sweep's folders, looked at while its jobs run, whoever runs them.

    Args:
        console: where to show it.
        jobs: all jobs of the sweep.
        workers: how many run at once, unless `run` says otherwise.
        board: where more jobs come later, a table of what those that have ended say, made anew after each;
            it is given those that it has not been given before.
    """

    def __init__(
        self, console: Console, jobs: Sequence[Job], workers: int = 1, board: Board | None = None
    ) -> None:
        self._console, self._workers, self._board = console, workers, board
        self._jobs: list[Job] = []
        self._folders = Watch([])
        self._ended = self._folders.ended
        self._best: tuple[float, str, float] | None = None  # so far: by what it is best, its name, on val
        self._before = 0  # jobs that had ended when they came
        self._shown: Table | None = None
        self._told = ""
        self._looking = threading.Lock()
        self.add(jobs)
        self._started = time.perf_counter()
        self._stop = threading.Event()
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._table, transient=True)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> SweepProgress:
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

    def add(self, jobs: Sequence[Job]) -> None:
        """Look at these too; of those that have ended already nothing is said."""
        self._report()
        with self._looking:
            self._jobs += jobs
            self._folders.add(jobs)
            ended = self._look()
            self._before += len(ended)
            self._fill(ended)

    def tell(self, line: str) -> None:
        """Say this, where it is not what was said last."""
        if line and line != self._told:
            self._told = line
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def run(self, workers: int) -> None:
        """So many run at once from now on."""
        self._workers = workers

    def _watch(self) -> None:
        while not self._stop.wait(EVERY):
            self._report()

    def _look(self) -> list[Job]:
        ended = self._folders.look()
        for job in ended:
            self._take(job.name, self._ended[job.name])
        return ended

    def _take(self, name: str, summary: Summary) -> None:
        """See whether it is the best: by what select chooses by, with what val decides by, which judges."""
        metrics = summary.best.metrics if summary.best and summary.status.finished else {}
        chosen, judged = summary.monitor, summary.terms.judged
        if {chosen, judged} <= metrics.keys():
            score = (-1 if smaller_is_better(chosen) else 1) * metrics[chosen]
            if self._best is None or score > self._best[0]:
                self._best = score, name, metrics[judged]

    def _fill(self, ended: Sequence[Job]) -> None:
        """Make the board anew."""
        if self._board and (ended or not self._shown):
            self._shown = self._board(ended)

    def _report(self) -> None:
        with self._looking:
            self._say_ended()

    def _say_ended(self) -> None:
        ended = self._look()
        self._fill(ended)
        for count, job in enumerate(ended, len(self._ended) - len(ended) + 1):
            if not self._console.is_terminal:
                self._console.print(self._line(count, job), markup=False, highlight=False, soft_wrap=True)

    def _line(self, count: int, job: Job) -> str:
        summary = self._ended[job.name]
        figures = ""
        metrics = summary.last.metrics if summary.last else {}
        name = decider_of(metrics)
        if {f"val/{name}", f"gap/{name}"} <= metrics.keys():
            figures = f"  val {metrics[f'val/{name}']:.4f}  gap {metrics[f'gap/{name}']:+.4f}"
        counted = f"[{count}]" if self._board else f"[{count}/{len(self._jobs)}]"
        seconds = f"{summary.seconds:.1f} s"
        return f"{counted} {job.name}: {summary.status}{figures}  {seconds}"

    def _seconds_left(self) -> float | None:
        """By what the jobs that have ended since the start took."""
        here = len(self._ended) - self._before
        if not here:
            return None
        mean = (time.perf_counter() - self._started) / here
        return mean * (len(self._jobs) - len(self._ended))

    def _table(self) -> RenderableType:
        states = dict(self._folders.begun)
        begun = [name for name, state in states.items() if state is State.LEFT]
        running = ", ".join(begun[: self._workers]) or "-"
        failed = [name for name, summary in self._ended.copy().items() if summary.status is Status.DIVERGED]
        failed += [name for name, state in states.items() if state is State.FAILED]
        lost = {"failed": _some(failed)}
        if pruned := [name for name, one in self._ended.copy().items() if one.status is Status.PRUNED]:
            lost["pruned"] = _some(pruned)
        if self._shown:
            parts = drawn(self._shown, self._console.width)
            return Group(*parts, self._grid({"running": running, **lost}))
        left = self._seconds_left()
        rows = {
            "done": f"{len(self._ended)} of {len(self._jobs)}",
            "running": running,
            "left": str(len(self._jobs) - len(self._ended)),
            **lost,
            "time left": "-" if left is None else _duration(left),
            "best so far": f"{self._best[1]}, val {self._best[2]:.4f}" if self._best else "-",
        }
        return Group(
            ProgressBar(total=len(self._jobs), completed=len(self._ended), width=40), self._grid(rows)
        )

    def _grid(self, rows: Mapping[str, str]) -> Grid:
        """A line for each fact."""
        made = Grid(box=None, show_header=False)
        room = self._console.width - max(map(len, rows)) - BETWEEN
        for what, said in rows.items():
            made.add_row(what, Text(folded(said, max(1, room), True)))  # a name is no markup
        return made


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are: hundreds would fill the terminal."""
    return listed(names, NAMED, " and ") or "0"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
