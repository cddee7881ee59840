"""What is measured once, when a run has ended: confidence against accuracy, each class, corrupted images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from regbench.evaluation.calibration import mean, reliability
from regbench.evaluation.classwise import confusion
from regbench.evaluation.measurement import Autocast, predict
from regbench.images.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from regbench.records.summary import ClassMetrics, PerWeights, Reliability
from regbench.types import Split


def measured_late(
    models: Mapping[str, nn.Module], split: Split, autocast: Autocast, asked: Sequence[str]
) -> dict[str, Any]:
    """The fields of a `Summary` that are made here, each `PerWeights`; None where not asked for.

    Args:
        models: with the last weights and with the best.
        split: the rows.
        autocast: the number format.
        asked: keys of `LATE`; others are passed over, and all where there are no classes.
    """
    return {
        part: PerWeights(**{name: measured(model, split, autocast) for name, model in models.items()})
        if word in asked and split.task.speaks_of_classes
        else None
        for word, (part, measured) in LATE.items()
    }


def reliability_diagram(model: nn.Module, split: Split, autocast: Autocast) -> Reliability:
    """Mean confidence, accuracy and number of rows for each of 15 bins; None where a bin is empty."""
    bins = reliability(torch.cat(predict(model, split, autocast)), split.labels)

    def means(sums: Tensor) -> list[float | None]:
        pairs = zip(sums.tolist(), bins.rows.tolist(), strict=True)
        return [total / count if count else None for total, count in pairs]

    counts = [int(count) for count in bins.rows]
    return Reliability(confidence=means(bins.confidence), accuracy=means(bins.right), count=counts)


def per_class(model: nn.Module, split: Split, autocast: Autocast) -> ClassMetrics:
    """Accuracy and rows of each class, and how many of its rows are taken for each class.

    The accuracy of a class is its recall, the share of its rows that are taken for it; None where it has no
    rows. `confusion` has a row for each class of the labels, a column for each that rows are taken for.
    """
    guess = torch.cat(predict(model, split, autocast)).argmax(1)
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
        guess = torch.cat(predict(model, split, autocast, change)).argmax(1)
        return mean(guess == split.labels)

    found = {f"{name}/{s}": accuracy(Corruption(name, s)) for name in CORRUPTIONS for s in SEVERITIES}
    return {"accuracy": sum(found.values()) / len(found), **found}


# What may be asked for, the part of the summary that it fills, and how.
LATE: Mapping[str, tuple[str, Callable[[nn.Module, Split, Autocast], Any]]] = {
    "calibration": ("reliability", reliability_diagram),
    "corruption": ("corruption", corrupted_accuracy),
    "per_class": ("per_class", per_class),
}
