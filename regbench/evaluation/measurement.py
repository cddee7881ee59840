"""The clean view: every split measured in the same way, by a model that is not training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from regbench.evaluation.calibration import calibration, mean
from regbench.evaluation.classwise import balanced
from regbench.evaluation.numeric import errors
from regbench.nn.logits import still_logits
from regbench.records.metrics import metric_of, split_of
from regbench.tasks import Classification, Regression
from regbench.types import Dataset, Split

CHUNK = 128  # rows evaluated at once: for convolutions on CPUs half the time and memory of 512
Autocast = Callable[[], AbstractContextManager[Any]]


def measure(
    model: nn.Module, data: Dataset, autocast: Autocast, asked: Sequence[str] = ()
) -> dict[str, float]:
    """The metrics of the measured train rows, of select and of val, on val with what else is asked for."""
    splits = {"train": (data.measured, ()), "select": (data.select, ()), "val": (data.val, asked)}
    return {
        f"{name}/{metric}": value
        for name, (split, more) in splits.items()
        for metric, value in evaluate(model, split, autocast, more).items()
    }


def gaps(measured: dict[str, float]) -> dict[str, float]:
    """The generalization gaps: what val loses against train."""
    found = {}
    for key in measured:
        metric = metric_of(key)
        if split_of(key) == "val" and metric is not None and metric.gap:
            lost = measured[key] - measured[f"train/{metric.name}"]
            found[f"gap/{metric.name}"] = lost if metric.better == "less" else -lost
    return found


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, autocast: Autocast, asked: Sequence[str] = ()
) -> dict[str, float]:
    """The metrics of a split, in evaluation mode, by name (`regbench.records.metrics`).

    Args:
        model: the model.
        split: the rows.
        autocast: the number format.
        asked: what else to measure, from the same forward pass: keys of `MEASURES`; others, and what the task
            has nothing of, are passed over.
    """
    logits = torch.cat(predict(model, split, autocast))
    found: dict[str, float] = {}
    for word in (None, *asked):
        for measure_some in MEASURES[split.task.name].get(word, ()):
            found |= measure_some(logits, split)
    return found


@torch.no_grad()
def predict(
    model: nn.Module, split: Split, autocast: Autocast, change: Callable[[Tensor], Tensor] | None = None
) -> list[Tensor]:
    """The logits (rows, C), chunk by chunk, in evaluation mode; the model's mode is put back.

    Args:
        model: the model.
        split: the rows.
        autocast: the number format.
        change: applied to the inputs of each chunk, in full precision.
    """
    was_training = model.training
    model.eval()
    chunks = []
    for start in range(0, len(split), CHUNK):
        inputs = split[slice(start, start + CHUNK)].inputs
        if change is not None:
            inputs = change(inputs)
        with autocast():
            output = model(inputs)
        called = split.task.returned
        chunks.append(still_logits(output, len(inputs), split.num_classes, called).float())
    model.train(was_training)
    return chunks


def data_loss(logits: Tensor, split: Split) -> dict[str, float]:
    """The mean of the task's loss: cross-entropy in nats, or what numbers have."""
    pairs = zip(logits.split(CHUNK), split.labels.split(CHUNK), strict=True)
    return {"loss": mean(torch.cat([split.task.row_losses(*pair) for pair in pairs]))}


def accuracy(logits: Tensor, split: Split) -> dict[str, float]:
    """The share of rows whose largest logit is their label's."""
    return {"accuracy": mean(logits.argmax(1) == split.labels)}


def memorization(logits: Tensor, split: Split) -> dict[str, float]:
    """What was learned of labels that are wrong; nothing where none is known to be.

    `true_accuracy` is the accuracy against the true labels, `noisy_accuracy` and `noisy_true_accuracy` those
    against the given and the true labels of the rows whose given label is wrong.
    """
    if split.true_labels is None:
        return {}
    guess, wrong = logits.argmax(1), split.labels != split.true_labels
    found = {"true_accuracy": mean(guess == split.true_labels)}
    if wrong.any():
        found["noisy_accuracy"] = mean((guess == split.labels)[wrong])
        found["noisy_true_accuracy"] = mean((guess == split.true_labels)[wrong])
    return found


def of_numbers(outputs: Tensor, split: Split) -> dict[str, float]:
    """R2, RMSE and MAE."""
    return errors(outputs, split.labels, split.numbers) if split.numbers else {}


Measure = Callable[[Tensor, Split], dict[str, float]]  # of logits (rows, C); the metrics by name
MEASURES: Mapping[str, Mapping[str | None, Sequence[Measure]]] = {
    # by the task, and the word of `evaluate` that asks for them
    Classification.name: {
        None: (
            data_loss,
            accuracy,
            lambda logits, split: balanced(logits.argmax(1), split.labels, split.num_classes),
            memorization,
        ),
        "calibration": (lambda logits, split: calibration(logits, split.labels),),
    },
    Regression.name: {None: (data_loss, of_numbers)},
}
