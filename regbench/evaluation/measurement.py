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
from regbench.types import Dataset, Ranks, Split

Autocast = Callable[[], AbstractContextManager[Any]]
# Rows at once, the fewest and the most, and how many numbers their inputs may have beyond the fewest. On a
# CPU what convolutions hold of 128 images of 32x32 just fits its caches, and small rows cost their calls; a
# GPU is filled by much more.
FEWEST = 128
MOST = {"cpu": (512, 2**17)}
MOST_ELSEWHERE = (2048, 2**23)
WIDTH = 64  # numbers that a token id stands for, about: it becomes a vector


def measure(
    model: nn.Module, data: Dataset, autocast: Autocast, asked: Sequence[str] = ()
) -> dict[str, float]:
    """The metrics of the measured train rows, of select and of val, on val with what else is asked for."""
    splits = {"train": data.measured, "select": data.select, "val": data.val}
    logits = {name: predict(model, split, autocast) for name, split in splits.items()}
    return metrics_of(logits, splits, asked)


def metrics_of(
    logits: Mapping[str, Tensor], splits: Mapping[str, Split], asked: Sequence[str] = ()
) -> dict[str, float]:
    """The metrics of several splits as records name them, from their logits (rows, C), by the splits' names.

    What is asked for is measured of val alone. The device is waited for once, for all of them together.
    """
    return read(scalars_of(logits, splits, asked))


@torch.no_grad()
def scalars_of(
    logits: Mapping[str, Tensor], splits: Mapping[str, Split], asked: Sequence[str] = ()
) -> dict[str, Tensor]:
    """What `metrics_of` reads, scalars that nobody has waited for."""
    return {
        f"{name}/{metric}": value
        for name, split in splits.items()
        for metric, value in metrics(logits[name], split, asked if name == "val" else ()).items()
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
    return read(metrics(predict(model, split, autocast), split, asked))


@torch.no_grad()
def metrics(logits: Tensor, split: Split, asked: Sequence[str] = ()) -> dict[str, Tensor]:
    """The metrics of a split by name, scalars in double precision where the logits are.

    Args:
        logits: (rows, C), as `predict` gives them.
        split: the rows; of their inputs nothing is read.
        asked: as in `evaluate`.
    """
    found: dict[str, Tensor] = {}
    for word in (None, *asked):
        for measure_some in MEASURES[split.task.name].get(word, ()):
            found |= measure_some(logits, split)
    return found


def read(found: Mapping[str, Tensor]) -> dict[str, float]:
    """Scalars as numbers; the device is waited for once."""
    return dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True)) if found else {}


@torch.no_grad()
def predict(
    model: nn.Module,
    split: Split,
    autocast: Autocast,
    change: Callable[[Tensor], Tensor] | None = None,
    rows: Tensor | None = None,
    ranks: Ranks | None = None,
) -> Tensor:
    """The logits (rows, C), made chunk by chunk, in evaluation mode; the model's mode is put back.

    Args:
        model: the model.
        split: the rows.
        autocast: the number format.
        change: applied to the inputs of each chunk, in full precision.
        rows: numbers of those that are asked for, (R,), at least one; None: all of them.
        ranks: share the chunks, all calling this alike; each is given all logits. None: they are made here.
    """
    was_training = model.training
    model.eval()
    chunks, size = [], chunk_rows(split)
    count = len(split) if rows is None else len(rows)
    for number, start in enumerate(range(0, count, size)):
        place = slice(start, start + size)
        if ranks is not None and number % ranks.count != ranks.number:
            shape = (min(size, count - start), split.num_classes)
            chunks.append(torch.zeros(shape, dtype=torch.float32, device=split.inputs.device))
            continue
        inputs = split[place if rows is None else rows[place]].inputs
        if change is not None:
            inputs = change(inputs)
        with autocast():
            output = model(inputs)
        called = split.task.returned
        chunks.append(still_logits(output, len(inputs), split.num_classes, called).float())
    model.train(was_training)
    logits = torch.cat(chunks)
    if ranks is not None:
        ranks.add_up([logits])
    return logits


def chunk_rows(split: Split) -> int:
    """How many rows of a split are evaluated at once, a power of two: by a row's shape and the device."""
    most, numbers = MOST.get(split.inputs.device.type, MOST_ELSEWHERE)
    each = split.inputs[0].numel() * (WIDTH if split.vocabulary else 1)
    fitting = max(1, numbers // max(1, each))
    return min(most, max(FEWEST, 1 << (fitting.bit_length() - 1)))


def data_loss(logits: Tensor, split: Split) -> dict[str, Tensor]:
    """The mean of the task's loss: cross-entropy in nats, or what numbers have."""
    return {"loss": mean(split.task.row_losses(logits, split.labels))}


def accuracy(logits: Tensor, split: Split) -> dict[str, Tensor]:
    """The share of rows whose largest logit is their label's."""
    return {"accuracy": mean(logits.argmax(1) == split.labels)}


def memorization(logits: Tensor, split: Split) -> dict[str, Tensor]:
    """What was learned of labels that are wrong; nothing where none is known to be.

    `true_accuracy` is the accuracy against the true labels, `noisy_accuracy` and `noisy_true_accuracy` those
    against the given and the true labels of the rows whose given label is wrong.
    """
    if split.true_labels is None:
        return {}
    guess, wrong = logits.argmax(1), split.labels != split.true_labels
    found = {"true_accuracy": mean(guess == split.true_labels)}
    if wrong.any():
        count = wrong.sum().double()
        found["noisy_accuracy"] = ((guess == split.labels) & wrong).sum() / count
        found["noisy_true_accuracy"] = ((guess == split.true_labels) & wrong).sum() / count
    return found


def of_numbers(outputs: Tensor, split: Split) -> dict[str, Tensor]:
    """R2, RMSE and MAE."""
    return errors(outputs, split.labels, split.numbers) if split.numbers else {}


Measure = Callable[[Tensor, Split], dict[str, Tensor]]  # of logits (rows, C); scalars by name
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
