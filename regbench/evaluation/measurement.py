"""The clean view: every split measured in the same way, by a model that is not training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from regbench.evaluation.calibration import calibration, mean
from regbench.evaluation.classwise import balanced
from regbench.nn.logits import still_logits
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
    return {
        "gap/loss": measured["val/loss"] - measured["train/loss"],
        "gap/accuracy": measured["train/accuracy"] - measured["val/accuracy"],
    }


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, autocast: Autocast, asked: Sequence[str] = ()
) -> dict[str, float]:
    """The metrics of a split, in evaluation mode, by name (`regbench.records.metrics`).

    Args:
        model: the model.
        split: the rows.
        autocast: the number format.
        asked: what else to measure, from the same forward pass: keys of `MEASURES`; others are passed over.
    """
    logits = torch.cat(predict(model, split, autocast))
    found: dict[str, float] = {}
    for word in (None, *asked):
        for measure_some in MEASURES.get(word, ()):
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
        chunks.append(still_logits(output, len(inputs), split.num_classes).float())
    model.train(was_training)
    return chunks


def plain(logits: Tensor, split: Split) -> dict[str, float]:
    """Cross-entropy in nats, and accuracy."""
    pairs = zip(logits.split(CHUNK), split.labels.split(CHUNK), strict=True)
    loss = [split.task.row_losses(*pair) for pair in pairs]
    return {"loss": mean(torch.cat(loss)), "accuracy": mean(logits.argmax(1) == split.labels)}


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


Measure = Callable[[Tensor, Split], dict[str, float]]  # of logits (rows, C); the metrics by name
MEASURES: Mapping[str | None, Sequence[Measure]] = {  # by the word of `evaluate` that asks for them
    None: (
        plain,
        lambda logits, split: balanced(logits.argmax(1), split.labels, split.num_classes),
        memorization,
    ),
    "calibration": (lambda logits, split: calibration(logits, split.labels),),
}
