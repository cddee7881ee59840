"""What is left of a run in a terminal, and what is printed elsewhere."""

from __future__ import annotations

import io
import re
from functools import partial

import pytest
from rich.console import Console

from regbench.runs.progress import RunProgress, few
from regbench.runs.summary import best_of
from regbench.types import Record

FIGURES = ["accuracy", "loss"]
best = partial(best_of, monitor="select/accuracy")


def record(epoch: int, accuracy: float = 0.5) -> Record:
    metrics = {f"{split}/{figure}": 0.25 for split in ("train", "val", "gap") for figure in FIGURES}
    return Record(epoch, metrics | {"select/accuracy": accuracy, "select/loss": 1.0, "time/epoch_s": 0.5})


@pytest.mark.parametrize(
    ("count", "best", "shown"),
    [
        (0, None, []),
        (1, 1, [1]),
        (2, 1, [1, 2]),
        (5, 3, [1, 2, 3, 4, 5]),
        (9, 4, [1, 3, 4, 5, 7, 9]),
        (21, 21, [1, 6, 11, 16, 21]),
        (1001, 2, [1, 2, 251, 501, 751, 1001]),
    ],
)
def test_first_last_best_and_evenly_chosen_epochs_are_left(
    count: int, best: int | None, shown: list[int]
) -> None:
    records = [record(epoch) for epoch in range(1, count + 1)]
    chosen = next((one for one in records if one.epoch == best), None)
    assert [one.epoch for one in few(records, chosen)] == shown


def watched(terminal: bool, history: list[Record]) -> str:
    said = io.StringIO()
    watch = RunProgress(Console(file=said, force_terminal=terminal, width=200), 12, history, best)
    for epoch in range(len(history) + 1, 13):
        watch.write(record(epoch, accuracy=0.9 if epoch == 2 else 0.5))
    watch.close()
    return said.getvalue()


@pytest.mark.parametrize("before", [0, 4])
def test_a_terminal_keeps_a_few_lines_also_of_the_epochs_before_a_resume(before: int) -> None:
    history = [record(epoch, accuracy=0.9 if epoch == 2 else 0.5) for epoch in range(1, before + 1)]
    lines = re.findall(r"epoch ( ?\d+)/12  train .*?s(  best)?\r?\n", watched(True, history))
    assert [(int(epoch), best.strip()) for epoch, best in lines] == [
        (1, ""), (2, "best"), (4, ""), (7, ""), (9, ""), (12, ""),
    ]  # fmt: skip


def test_elsewhere_each_epoch_is_a_line() -> None:
    lines = watched(False, []).splitlines()
    assert [int(line.split("/")[0].removeprefix("epoch")) for line in lines] == list(range(1, 13))
    assert (
        lines[1] == "epoch  2/12  train 0.2500 (0.2500)  val 0.2500 (0.2500)  gap +0.2500 (+0.2500)  0.50 s"
    )
