"""`metrics.jsonl`: the course of a run, a line for each epoch that is done."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from regbench.records.form import is_count, is_number
from regbench.storage.reading import LARGEST_LINES, content


@dataclass(frozen=True)
class Epoch:
    """A line of the file.

    Attributes:
        epoch: 1 for the first.
        metrics: by name, `<split>/<name>` of an epoch that was evaluated.
    """

    epoch: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Course:
    """What is asked for of all lines: a column for each metric, which take a fifth of the lines' memory.

    Attributes:
        epochs: of the lines, in their order.
        columns: of each metric that any line has its value in every line, NaN where that lacks it.
    """

    epochs: array[int]
    columns: Mapping[str, array[float]]

    @classmethod
    def of(cls, lines: Iterable[Epoch], names: Iterable[str]) -> Course:
        """The course of these metrics."""
        several = list(lines)
        columns = {}
        for name in names:
            values = [one.metrics.get(name, math.nan) for one in several]
            if values.count(math.nan) < len(values):
                columns[name] = array("d", values)
        return cls(array("q", [one.epoch for one in several]), columns)

    def values(self, name: str) -> list[float]:
        """A metric's values, in the order of the lines."""
        return [value for value in self.columns.get(name, ()) if not math.isnan(value)]

    def by_epoch(self, name: str) -> dict[int, float]:
        """The same under their epochs; of several lines of one the last counts."""
        pairs = zip(self.epochs, self.columns.get(name, ()), strict=False)
        return {epoch: value for epoch, value in pairs if not math.isnan(value)}


@dataclass(frozen=True)
class Key:
    """A key of the lines that is no metric of a split (`regbench.records.metrics`).

    Attributes:
        name: in the file; <member> stands for a member's name.
        unit: of the value, or its range.
        meaning: for readers of the documents.
        evaluated: whether only epochs that are evaluated have it.
    """

    name: str
    unit: str
    meaning: str
    evaluated: bool = False


SPEED = "time/examples_per_s"
KEYS = (
    Key("epoch", "integer from 1", "the epoch that is done"),
    Key(
        "objective/data",
        "nats, unless a member changes or replaces the loss",
        "the data loss as trained on: training mode, augmented, mixed, smoothed; mean over the epoch's rows, "
        "each before the update that uses it",
    ),
    Key(
        "objective/<member>",
        "as `objective/data`",
        "the penalty of a member that has one, in the same mean",
    ),
    Key("schedule/lr", "at least 0", "learning rate of the epoch's last update"),
    Key(SPEED, "above 0", "train rows per second, evaluation left out"),
    Key("time/epoch_s", "seconds", "the whole epoch, evaluation included"),
    Key(
        "<member>/<field>",
        "the field's own",
        "value of a field that follows a schedule, at the end of the epoch",
    ),
    Key(
        "<member>/<metric>",
        "the member's own",
        "such as `l1/zeros` and `l1/zeros.<layer>`: share of weights that are exactly 0, in [0, 1]",
        evaluated=True,
    ),
)


def line(epoch: int, metrics: Mapping[str, float]) -> str:
    """An epoch as it is written; raises ValueError for a number that is not finite."""
    return json.dumps({"epoch": epoch, **metrics}, allow_nan=False) + "\n"


def read_lines(path: Path) -> tuple[list[Epoch], list[str]]:
    """The epochs up to the first line that is not whole, and complaints where there is cause.

    Values that are no numbers to reckon with (`is_number`) are left out. Where there is no file there are no
    epochs.

    Raises:
        OSError, ValueError: as `regbench.storage.reading.content`.
    """
    epochs: list[Epoch] = []
    wrong, complaints = 0, []
    whole_text = (content(path, LARGEST_LINES) or b"").decode(errors="replace")
    for number, text in enumerate(whole_text.splitlines(), 1):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        if not isinstance(values, dict) or not is_count(values.get("epoch")):
            complaints.append(f"line {number} of {path.name} is not whole; those before it are used")
            break
        done = values.pop("epoch")
        metrics = {name: value for name, value in values.items() if is_number(value)}
        wrong += len(values) - len(metrics)
        epochs.append(Epoch(done, metrics))
    if wrong:
        complaints.append(
            f"{path.name} has values that are no finite numbers, {wrong} of them; they are left out"
        )
    return epochs, complaints
