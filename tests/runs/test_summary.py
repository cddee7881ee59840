"""Which epoch of a run is its best."""

from __future__ import annotations

from dataclasses import fields

import pytest

from regbench.records.metrics import METRICS
from regbench.runs.summary import best_of
from regbench.storage.checkpoint_form import DECIDING, NUMBERS
from regbench.tasks import Regression
from regbench.types import Record


def record(epoch: int, **select: float) -> Record:
    return Record(epoch, {f"select/{name}": value for name, value in select.items()})


HISTORY = [
    record(1, accuracy=0.5, macro_f1=0.6, loss=0.3),
    record(2, accuracy=0.7, macro_f1=0.5, loss=0.4),
    Record(3, {"objective/data": 0.1}),  # not evaluated
    record(4, accuracy=0.7, macro_f1=0.4, loss=0.35),
    record(5, accuracy=0.7, macro_f1=0.6, loss=0.35),
]


@pytest.mark.parametrize(
    ("monitor", "epoch"),
    [("select/accuracy", 4), ("select/loss", 1), ("select/macro_f1", 1)],
    ids=["the least loss of equals, then the first", "less of a loss", "the least loss of equals"],
)
def test_the_best_epoch_is_the_one_of_the_monitor_in_its_direction(monitor: str, epoch: int) -> None:
    best = best_of(HISTORY, monitor)
    assert best is not None
    assert best.epoch == epoch


def test_of_epochs_that_lack_it_none_is_the_best() -> None:
    assert best_of(HISTORY, "select/r2") is None
    assert best_of([], "select/loss") is None


def test_what_a_checkpoint_is_checked_for_is_what_there_is() -> None:
    assert set(DECIDING) == {metric.name for metric in METRICS if metric.decides}
    assert {field.name for field in fields(Regression)} == NUMBERS
