"""The clean view: every split measured in the same way, by a model that is not training."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from regbench.types import Dataset, Split

CHUNK = 128  # rows evaluated at once: for convolutions on CPUs half the time and memory of 512


def measure(
    model: nn.Module, data: Dataset, autocast: Callable[[], AbstractContextManager[Any]]
) -> dict[str, float]:
    """Loss and accuracy of a model on the measured train rows, select and val."""
    splits = {"train": data.measured, "select": data.select, "val": data.val}
    return {
        f"{name}/{figure}": value
        for name, split in splits.items()
        for figure, value in evaluate(model, split, autocast).items()
    }


def gaps(measured: dict[str, float]) -> dict[str, float]:
    """The generalization gaps: what val loses against train."""
    return {
        "gap/loss": measured["val/loss"] - measured["train/loss"],
        "gap/accuracy": measured["train/accuracy"] - measured["val/accuracy"],
    }


@torch.no_grad()
def evaluate(
    model: nn.Module, split: Split, autocast: Callable[[], AbstractContextManager[Any]]
) -> dict[str, float]:
    """Plain cross-entropy in nats and accuracy in [0, 1] over a split, in evaluation mode.

    Where the split's labels hold noise, `true_accuracy` is the accuracy against the true ones.
    """
    was_training = model.training
    model.eval()
    loss, right, truly = [], [], []
    for start in range(0, len(split), CHUNK):
        rows = slice(start, start + CHUNK)
        with autocast():
            logits = model(split[rows].inputs).float()
        loss.append(F.cross_entropy(logits, split.labels[rows], reduction="none"))
        guess = logits.argmax(1)
        right.append(guess == split.labels[rows])
        if split.true_labels is not None:
            truly.append(guess == split.true_labels[rows])
    model.train(was_training)
    figures = {"loss": _mean(loss), "accuracy": _mean(right)}
    return figures | ({"true_accuracy": _mean(truly)} if truly else {})


def _mean(chunks: list[torch.Tensor]) -> float:
    """The mean over all rows, summed in double precision."""
    return torch.cat(chunks).double().mean().item()
