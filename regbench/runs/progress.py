"""What a person watches: in a terminal a live bar and then a few lines, elsewhere a line per epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from regbench.errors import as_typed
from regbench.records.files import LOG, uneven
from regbench.records.status import Status
from regbench.types import Record

FEW = 5  # epochs that are shown when a bar is taken away, evenly chosen, and the best beside them
FIGURES = (
    "train {train/accuracy:.4f} ({train/loss:.4f})  val {val/accuracy:.4f} ({val/loss:.4f})  "
    "gap {gap/accuracy:+.4f} ({gap/loss:+.4f})"
)


class Watch:
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
        """Part of an epoch is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch + share)

    def write(self, record: Record) -> None:
        """An epoch is done."""
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
        best = self._best(self._shown)
        for record in few(self._shown, best):
            self._print(record, "  best" if record is best else "")

    def _print(self, record: Record, mark: str = "") -> None:
        figures, seconds = FIGURES.format_map(record.metrics), record.metrics["time/epoch_s"]
        width = len(str(self._epochs))
        line = f"epoch {record.epoch:{width}}/{self._epochs}  {figures}  {seconds:.2f} s{mark}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def few(records: Sequence[Record], best: Record | None) -> list[Record]:
    """The first and the last of the records, evenly chosen ones between them, and the best."""
    last = len(records) - 1
    steps = min(FEW - 1, last)
    chosen = {round(last * step / steps) for step in range(steps + 1)} if steps > 0 else set(range(last + 1))
    return [record for place, record in enumerate(records) if place in chosen or record is best]


def _short(record: Record) -> str:
    return "train {train/accuracy:.3f}  val {val/accuracy:.3f}  gap {gap/accuracy:+.3f}".format_map(
        record.metrics
    )


def show_audit(console: Console, rows: Sequence[Mapping[str, Any]], warnings: Sequence[str]) -> None:
    """Where each member attached and what it did in the probe steps."""
    for row in rows:
        console.print(f"[bold]{row['name']}[/] {row['state']}", highlight=False)
        for fact in row["facts"]:
            console.print(f"  {fact}", markup=False, highlight=False, soft_wrap=True)
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow", soft_wrap=True)


def show_summary(console: Console, summary: Mapping[str, Any], folder: str) -> None:
    """The end of a run: a short table, and how to look at the curves."""
    columns = [name for name in ("last", "best", "kept") if summary.get(name)]
    title = f"{summary['name']}: {summary['status']}"
    console.print(title, style="italic", markup=False, highlight=False, soft_wrap=True)
    table = Table()
    table.add_column("accuracy (loss)")
    for name in columns:
        table.add_column(f"{name}, epoch {summary[name]['epoch']}", justify="right")
    for split in ("train", "select", "val", "gap"):
        cells = (_cell(summary[name]["metrics"], split) for name in columns)
        table.add_row(split, *cells)
    if uneven(summary["class_rows"]["train"]):
        for figure in ("balanced_accuracy", "macro_f1"):
            cells = (f"{summary[name]['metrics'][f'val/{figure}']:.4f}" for name in columns)
            table.add_row(f"val {figure.replace('_', ' ')}", *cells)
    for name in ("last", "best"):
        if (summary.get("test") or {}).get(name):
            metrics = {f"test/{figure}": value for figure, value in summary["test"][name].items()}
            table.add_row(f"test, {name} weights", _cell(metrics, "test"))
    if columns:
        console.print(table)
    if summary["reason"]:
        console.print(f"{summary['status']}: {summary['reason']}", markup=False, soft_wrap=True)
    lines = {"run folder": folder, "curves": f"tensorboard --logdir {as_typed(f'{folder}/tensorboard')}"}
    if summary["status"] == Status.FAILED:
        lines["trace"] = f"{folder}/{LOG}"
    if summary["status"] in (Status.INTERRUPTED, Status.FAILED):
        lines["continue"] = f"regbench resume {as_typed(folder)}"
    for what, text in lines.items():
        console.print(f"{what + ':':12}{text}", markup=False, highlight=False, soft_wrap=True)


def _cell(metrics: Mapping[str, float], split: str) -> str:
    sign = "+" if split == "gap" else ""
    return f"{metrics[f'{split}/accuracy']:{sign}.4f} ({metrics[f'{split}/loss']:{sign}.4f})"
