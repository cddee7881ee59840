"""A bar for long reading, where somebody watches."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def counted(total: int, what: str) -> Iterator[int]:
    """The numbers 0 to total - 1, with a bar on stderr while they are taken; none where that is a file."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from range(total)
        return
    columns = (TextColumn(what), MofNCompleteColumn(), BarColumn(bar_width=20), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield from bar.track(range(total), total=total)
