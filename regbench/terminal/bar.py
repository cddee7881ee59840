"""A bar for long work, where somebody watches."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
SOON = 0.5  # seconds after which work is long enough for a bar
LONG = 2.0  # seconds after which it is long enough for a line in a file, if there are
MANY = 20  # items or more: few are soon done, however busy the machine is


def numbers(total: int, what: str) -> Iterator[int]:
    """The numbers 0 to total - 1, with a bar on stderr while they are taken; none where that is a file."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from range(total)
        return
    with _bar(console, what) as bar:
        yield from bar.track(range(total), total=total)


@contextmanager
def shown(items: Sequence[T], what: str, console: Console | None = None) -> Iterator[Iterator[T]]:
    """Items to work at, and on stderr how far that has come: nothing of short work, and nothing that stays.

    In a terminal a bar is there after half a second, until the end of the context; elsewhere one line is
    written after two seconds, of many items.

    Args:
        items: to be taken one by one.
        what: is done to them.
        console: where it is shown instead.
    """
    console = Console(stderr=True) if console is None else console
    bar = _bar(console, what)
    try:
        yield _watched(items, what, console, bar)
    finally:
        if bar.live.is_started:
            bar.stop()  # at once, whatever the work has raised


def _watched(items: Sequence[T], what: str, console: Console, bar: Progress) -> Iterator[T]:
    started, task = time.monotonic(), None
    wait = SOON if console.is_terminal else LONG if len(items) >= MANY else math.inf
    for number, item in enumerate(items):
        if task is None and time.monotonic() - started > wait:
            task = bar.add_task(what, total=len(items))
            if console.is_terminal:
                bar.start()
            else:
                console.print(
                    f"{what}: {number} of {len(items)}", markup=False, highlight=False, soft_wrap=True
                )
        if task is not None:
            bar.update(task, completed=number)
        yield item


def _bar(console: Console, what: str) -> Progress:
    columns = (TextColumn(escape(what)), MofNCompleteColumn(), BarColumn(bar_width=20), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
