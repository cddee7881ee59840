"""What is measured once, when a run has ended: confidence against accuracy, each class, corrupted images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from regbench.evaluation.calibration import mean, reliability
from regbench.evaluation.classwise import confusion
from regbench.evaluation.measurement import Autocast, predict
from regbench.images.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from regbench.records.summary import ClassMetrics, PerWeights, Reliability
from regbench.types import Split


@dataclass
class Ended:
    """One state of the weights that a run has ended with.

    Attributes:
        model: with these weights.
        split: the rows of val.
        autocast: the number format.
        seen: their logits, (N, C); None where they are not known yet.
    """

    model: nn.Module
    split: Split
    autocast: Autocast
    seen: Tensor | None = None

    @cached_property
    def logits(self) -> Tensor:
        """Of all rows, (N, C), by a pass over them where they are not known."""
        return predict(self.model, self.split, self.autocast) if self.seen is None else self.seen


def measured_late(ended: Mapping[str, Ended], asked: Sequence[str]) -> dict[str, Any]:
    """The fields of a `Summary` that are made here, each `PerWeights`; None where not asked for.

    Args:
        ended: with the last weights and with the best; where these are one object it is measured once.
        asked: keys of `LATE`; others are passed over, and all where there are no classes.
    """
    found: dict[str, Any] = dict.fromkeys(part for part, _ in LATE.values())
    words = [word for word in LATE if word in asked]
    if any(not one.split.task.speaks_of_classes for one in ended.values()):
        words = []
    for part, measured in (LATE[word] for word in words):
        made = {id(one): measured(one) for one in {id(one): one for one in ended.values()}.values()}
        found[part] = PerWeights(**{name: made[id(one)] for name, one in ended.items()})
    return found


def reliability_diagram(logits: Tensor, split: Split) -> Reliability:
    """Mean confidence, accuracy and number of rows for each of 15 bins; None where a bin is empty."""
    bins = reliability(logits, split.labels)

    def means(sums: Tensor) -> list[float | None]:
        pairs = zip(sums.tolist(), bins.rows.tolist(), strict=True)
        return [total / count if count else None for total, count in pairs]

    counts = bins.rows.long().tolist()
    return Reliability(confidence=means(bins.confidence), accuracy=means(bins.right), count=counts)


def per_class(logits: Tensor, split: Split) -> ClassMetrics:
    """Accuracy and rows of each class, and how many of its rows are taken for each class.

    The accuracy of a class is its recall, the share of its rows that are taken for it; None where it has no
    rows. `confusion` has a row for each class of the labels, a column for each that rows are taken for.
    """
    guess = logits.argmax(1)
    taken = confusion(guess, split.labels, split.num_classes)
    rows = taken.sum(1).tolist()
    hits = taken.diagonal().tolist()
    return ClassMetrics(
        accuracy=[right / count if count else None for right, count in zip(hits, rows, strict=True)],
        support=rows,
        confusion=taken.tolist(),
    )


def corrupted_accuracy(model: nn.Module, split: Split, autocast: Autocast) -> dict[str, float]:
    """Accuracy for each corruption and severity, and the mean of them all."""

    def accuracy(change: Corruption) -> float:
        guess = predict(model, split, autocast, change).argmax(1)
        return mean(guess == split.labels).item()

    found = {f"{name}/{s}": accuracy(Corruption(name, s)) for name in CORRUPTIONS for s in SEVERITIES}
    return {"accuracy": sum(found.values()) / len(found), **found}


# What may be asked for, the part of the summary that it fills, and how.
LATE: Mapping[str, tuple[str, Callable[[Ended], Any]]] = {
    "calibration": ("reliability", lambda ended: reliability_diagram(ended.logits, ended.split)),
    "corruption": (
        "corruption",
        lambda ended: corrupted_accuracy(ended.model, ended.split, ended.autocast),
    ),
    "per_class": ("per_class", lambda ended: per_class(ended.logits, ended.split)),
}
