"""What a person watches: a live bar in a terminal, a plain line per epoch elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from regbench.records import uneven
from regbench.types import Record

FIGURES = (
    "train {train/accuracy:.4f} ({train/loss:.4f})  val {val/accuracy:.4f} ({val/loss:.4f})  "
    "gap {gap/accuracy:+.4f} ({gap/loss:+.4f})"
)


class Watch:
    """The progress of one run on a console."""

    def __init__(self, console: Console, epochs: int, history: Sequence[Record] = ()) -> None:
        self._console, self._epochs = console, epochs
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
        figures = FIGURES.format_map(record.metrics)
        if self._bar is not None:
            self._bar.update(self._task, completed=record.epoch, figures=_short(record))
        else:
            seconds = record.metrics["time/epoch_s"]
            width = len(str(self._epochs))
            line = f"epoch {record.epoch:{width}}/{self._epochs}  {figures}  {seconds:.2f} s"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


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
    table = Table(title=f"{summary['name']}: {summary['status']}", title_justify="left")
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
    lines = {"run folder": folder, "curves": f"tensorboard --logdir {folder}/tensorboard"}
    if summary["status"] == "interrupted":
        lines["continue"] = f"regbench resume {folder}"
    for what, text in lines.items():
        console.print(f"{what + ':':12}{text}", markup=False, highlight=False, soft_wrap=True)


def _cell(metrics: Mapping[str, float], split: str) -> str:
    sign = "+" if split == "gap" else ""
    return f"{metrics[f'{split}/accuracy']:{sign}.4f} ({metrics[f'{split}/loss']:{sign}.4f})"
