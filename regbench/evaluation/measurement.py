"""The clean view: every split measured in the same way, by a model that is not training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
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
    """Loss and accuracies on the measured train rows, select and val, and on val what else is asked for."""
    splits = {"train": (data.measured, ()), "select": (data.select, ()), "val": (data.val, asked)}
    return {
        f"{name}/{figure}": value
        for name, (split, more) in splits.items()
        for figure, value in evaluate(model, split, autocast, more).items()
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
    """Plain cross-entropy in nats, accuracy, balanced accuracy and macro F1 in [0, 1], in evaluation mode.

    Where the split's labels hold noise, `true_accuracy` is the accuracy against the true ones, and
    `noisy_accuracy` and `noisy_true_accuracy` those against the given and the true labels of the rows whose
    given label is wrong; the two are absent where no label is.

    Args:
        model: the model.
        split: the rows.
        autocast: the number format.
        asked: what else to measure, from the same forward pass: keys of `FIGURES`; others are passed over.
    """
    chunks = predict(model, split, autocast)
    labels = split.labels.split(CHUNK)
    loss = [F.cross_entropy(*pair, reduction="none") for pair in zip(chunks, labels, strict=True)]
    logits = torch.cat(chunks)
    guess = logits.argmax(1)
    figures = {"loss": mean(torch.cat(loss)), "accuracy": mean(guess == split.labels)}
    figures |= balanced(guess, split.labels, split.num_classes)
    if split.true_labels is not None:
        figures |= _memorization(guess, split.labels, split.true_labels)
    for name in asked:
        figures |= FIGURES[name](logits, split.labels) if name in FIGURES else {}
    return figures


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


def _memorization(guess: Tensor, labels: Tensor, true_labels: Tensor) -> dict[str, float]:
    figures = {"true_accuracy": mean(guess == true_labels)}
    wrong = labels != true_labels
    if wrong.any():
        figures["noisy_accuracy"] = mean((guess == labels)[wrong])
        figures["noisy_true_accuracy"] = mean((guess == true_labels)[wrong])
    return figures


FIGURES: Mapping[str, Callable[[Tensor, Tensor], dict[str, float]]] = {"calibration": calibration}
