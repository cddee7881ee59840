"""What a person watches: in a terminal a live bar and then a few lines, elsewhere a line per epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from regbench.errors import as_typed
from regbench.records.files import LOG, uneven
from regbench.records.metrics import Terms, decider_of, decimals, is_percent, keys
from regbench.records.status import Status
from regbench.records.summary import Summary
from regbench.types import Record

EPOCHS_LEFT = 5  # epochs that are shown when a bar is taken away, evenly chosen, and the best beside them
SPLITS = {"train": "", "val": "", "gap": "+"}  # of a line, with the sign of the numbers


class RunProgress:
    """The progress of one run on a console.

    Args:
        console: where to show it.
        epochs: of the whole run.
        history: the epochs that are done.
        best: which of several epochs is the best, for what is left of a bar; None: none of them.
    """

    def __init__(
        self,
        console: Console,
        epochs: int,
        history: Sequence[Record] = (),
        best: Callable[[Sequence[Record]], Record | None] = lambda _: None,
    ) -> None:
        self._console, self._epochs, self._best = console, epochs, best
        self._shown = [record for record in history if "val/loss" in record.metrics]
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("epoch"),
                MofNCompleteColumn(),
                BarColumn(bar_width=20),
                TimeRemainingColumn(),
                TextColumn("{task.fields[figures]}"),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("", total=epochs, completed=len(history), figures="")
            self._bar.start()

    def step(self, epoch: int, share: float) -> None:
        """Move the bar: part of an epoch is done, after so many others."""
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch + share)

    def write(self, record: Record) -> None:
        """Show an epoch that is done."""
        if "val/loss" not in record.metrics:
            return
        self._shown.append(record)
        if self._bar is not None:
            self._bar.update(self._task, completed=record.epoch, figures=_short(record))
        else:
            self._print(record)

    def close(self) -> None:
        """Take the bar away, and leave some of its epochs."""
        if self._bar is None:
            return
        self._bar.stop()
        self._bar = None
        best = self._best(self._shown)
        for record in few(self._shown, best):
            self._print(record, "  best" if record is best else "")

    def _print(self, record: Record, mark: str = "") -> None:
        figures = "  ".join(f"{split} {_cell(record.metrics, split)}" for split in SPLITS)
        seconds = record.metrics["time/epoch_s"]
        width = len(str(self._epochs))
        line = f"epoch {record.epoch:{width}}/{self._epochs}  {figures}  {seconds:.2f} s{mark}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def few(records: Sequence[Record], best: Record | None) -> list[Record]:
    """The first and the last of the records, evenly chosen ones between them, and the best."""
    last = len(records) - 1
    steps = min(EPOCHS_LEFT - 1, last)
    chosen = {round(last * step / steps) for step in range(steps + 1)} if steps > 0 else set(range(last + 1))
    return [record for place, record in enumerate(records) if place in chosen or record is best]


def _short(record: Record) -> str:
    name = decider_of(record.metrics)
    return "  ".join(
        f"{split} {record.metrics[f'{split}/{name}']:{sign}.3f}" for split, sign in SPLITS.items()
    )


def show_audit(console: Console, rows: Sequence[Mapping[str, Any]], warnings: Sequence[str]) -> None:
    """Where each member attached and what it did in the probe steps."""
    for row in rows:
        console.print(f"[bold]{row['name']}[/] {row['state']}", highlight=False)
        for fact in row["facts"]:
            console.print(f"  {fact}", markup=False, highlight=False, soft_wrap=True)
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow", soft_wrap=True)


def show_summary(console: Console, summary: Summary, folder: str, commands: Sequence[str] = ()) -> None:
    """The end of a run: a short table, and how to look at the curves, by these commands."""
    columns = summary.snapshots
    console.print(
        f"{summary.name}: {summary.status}", style="italic", markup=False, highlight=False, soft_wrap=True
    )
    table = Table()
    terms = summary.terms
    table.add_column(f"{terms.decider.noun} (loss)")
    for name, one in columns.items():
        table.add_column(f"{name}, epoch {one.epoch}", justify="right")
    for split in ("train", "select", "val", "gap"):
        cells = (_cell(one.metrics, split) for one in columns.values())
        table.add_row(split, *cells)
    beside = keys(("numbers",), ("val",)) if summary.targets else []
    if summary.class_rows and uneven(summary.class_rows.train):
        beside = keys(("classes alike",), ("val",))
    for key in [key for key in beside if key != terms.judged]:
        table.add_row(
            _heading(terms, key), *(_share_or_number(key, one.metrics[key]) for one in columns.values())
        )
    for name in ("last", "best"):
        if summary.test and (found := getattr(summary.test, name)):
            metrics = {f"test/{metric}": value for metric, value in found.items()}
            table.add_row(f"test, {name} weights", _cell(metrics, "test"))
    if columns:
        console.print(table)
    if summary.reason:
        console.print(f"{summary.status}: {summary.reason}", markup=False, soft_wrap=True)
    lines = {"run folder": folder}
    if commands:
        lines["curves"] = f"\n{'':12}".join(commands)
    if summary.status is Status.FAILED:
        lines["trace"] = f"{folder}/{LOG}"
    if summary.status in (Status.INTERRUPTED, Status.FAILED):
        lines["continue"] = f"regbench resume {as_typed(folder)}"
    for what, text in lines.items():
        console.print(f"{what + ':':12}{text}", markup=False, highlight=False, soft_wrap=True)


def _heading(terms: Terms, key: str) -> str:
    return terms.title(key) if is_percent(key) else terms.with_unit(key)


def _share_or_number(key: str, value: float) -> str:
    """A share as it is recorded; a number with as many decimals as it is worth."""
    return f"{value:.{4 if is_percent(key) else decimals(key, value)}f}"


def _cell(metrics: Mapping[str, float], split: str) -> str:
    """What decides, and the loss."""
    sign = SPLITS.get(split, "")
    decides, loss = metrics[f"{split}/{decider_of(metrics)}"], metrics[f"{split}/loss"]
    return f"{decides:{sign}.4f} ({loss:{sign}.4f})"
