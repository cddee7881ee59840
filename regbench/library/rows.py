"""Rows as people have them: tensors, a Dataset, a DataLoader; into a split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from regbench.data.person_code import in_a_sentence
from regbench.errors import ConfigError, brief
from regbench.instantiation.boundary import refusing
from regbench.streams import kept_draws
from regbench.tasks import SUM_TOLERANCE, Classification, Regression, Task
from regbench.types import Split

Rows: TypeAlias = tuple[Any, Any] | Dataset[Any] | DataLoader[Any] | Split
LABELS = ("labels", "label", "targets", "target", "y")  # what rows that are mappings call them
READ_AT_ONCE = 256  # rows


def columns(rows: Rows, what: str, most: int | None = None) -> tuple[Tensor, Tensor]:
    """Inputs (N, ...) and labels (N, ...) of rows; of a Dataset the first `most`, where that is given.

    Raises:
        ConfigError: they are none of `Rows`, or a row is no pair of input and label.
    """
    if isinstance(rows, tuple | list) and len(rows) == 2 and hasattr(rows[0], "shape"):
        inputs, labels = (
            _tensor(one, f"{what}: {name}") for one, name in zip(rows, ("inputs", "labels"), strict=True)
        )
    else:
        inputs, labels = _read(rows, what, most)
    if len(inputs) != len(labels) or not len(labels):
        raise ConfigError(
            f"{what}: must have rows, and a label for each, got {len(inputs)} inputs and {len(labels)} labels"
        )
    return inputs, labels


def row_count(rows: Any) -> int:
    """How many rows there are, of `Rows` that can be read."""
    if isinstance(rows, tuple | list) and len(rows) == 2 and hasattr(rows[0], "shape"):
        return len(rows[1])
    dataset: Any = rows.dataset if isinstance(rows, DataLoader) else rows
    return len(dataset)


def numbers_of(rows: Any, batch: int, count: int, device: torch.device) -> Tensor:
    """Which rows of train those of a batch are, (B,) int64 on the device.

    Args:
        rows: as a person gives them.
        batch: B.
        count: how many rows train has.
        device: of the batch.

    Raises:
        ConfigError: they are not whole numbers, one for each, from 0 to count - 1, or -1 for what is no row
            of train.
    """
    numbers = _tensor(rows, "rows")
    if batch == 0 and numbers.shape == (0,):  # an empty list is one of floats
        return torch.zeros(0, dtype=torch.int64, device=device)
    if numbers.shape != (batch,) or numbers.is_floating_point() or numbers.dtype == torch.bool:
        raise ConfigError(
            f"rows: must be whole numbers ({batch},), one for each label, "
            f"got {numbers.dtype} {tuple(numbers.shape)}"
        )
    numbers = numbers.to(torch.int64)  # of bytes -1 would be 255
    if numbers.min() < -1 or numbers.max() >= count:
        raise ConfigError(
            f"rows: must be places in the {count} rows of train, from 0, or -1 for what is none of them, "
            f"got {int(numbers.min())} to {int(numbers.max())}"
        )
    return numbers.to(device)


def _read(rows: Any, what: str, most: int | None) -> tuple[Tensor, Tensor]:
    collate = rows.collate_fn if isinstance(rows, DataLoader) else default_collate
    dataset: Any = rows.dataset if isinstance(rows, DataLoader) else rows
    there = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if isinstance(dataset, IterableDataset) or not there or isinstance(dataset, Mapping | str):
        raise ConfigError(
            f"{what}: must be (inputs, labels), a map-style Dataset, a DataLoader or a Split, "
            f"got {brief(type(dataset).__name__)}"
        )
    count = len(dataset) if most is None else min(most, len(dataset))
    chunks: list[tuple[Tensor, Tensor]] = []
    for start in range(0, count, READ_AT_ONCE):
        with refusing(""), in_a_sentence(f"{what}: reading a row"), kept_draws([]):
            batch = collate([dataset[row] for row in range(start, min(start + READ_AT_ONCE, count))])
        chunks.append(pair_of(batch, what))
    if not chunks:
        return torch.empty(0), torch.empty(0)
    if len({chunk[0].shape[1:] for chunk in chunks}) > 1:
        raise ConfigError(
            f"{what}: rows must have one shape, got {[tuple(c[0].shape[1:]) for c in chunks[:2]]}"
        )
    inputs, labels = zip(*chunks, strict=True)
    return torch.cat(inputs), torch.cat(labels)


def pair_of(batch: Any, what: str) -> tuple[Tensor, Tensor]:
    """Inputs and labels of a collated batch: a pair, or a mapping with a key such as `labels`.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(batch, Mapping):
        label = next((name for name in LABELS if name in batch), None)
        names = [name for name in batch if name not in LABELS and isinstance(batch[name], Tensor)]
        if label is not None and names:
            return batch[names[0]], batch[label]
    elif isinstance(batch, tuple | list) and len(batch) == 2:
        return _tensor(batch[0], what), _tensor(batch[1], what)
    got = (
        f"a mapping with {', '.join(map(str, batch))}" if isinstance(batch, Mapping) else type(batch).__name__
    )
    raise ConfigError(
        f"{what}: a row must be a pair of input and label, or a mapping with labels, got {brief(got)}"
    )


def _tensor(values: Any, what: str) -> Tensor:
    if isinstance(values, Tensor):
        return values
    with refusing(""), in_a_sentence(what):
        return torch.as_tensor(np.asarray(values))


def task_of(labels: Tensor, outputs: int) -> Task:
    """What labels say is predicted: classes where they are whole numbers or rows of probabilities (N, C).

    Args:
        labels: (N,) or (N, K).
        outputs: how many numbers the model returns for a row.
    """
    if not labels.is_floating_point():
        return Classification(outputs)
    if labels.ndim == 2 and labels.shape[1] > 1:
        sums = (labels.sum(1) - 1).abs().max()
        if labels.min() >= 0 and sums <= SUM_TOLERANCE:
            return Classification(outputs)
    return Regression((0.0,) * outputs, (1.0,) * outputs)


def targets_of(labels: Tensor, task: Task) -> Tensor:
    """Targets (B, K) of a batch's labels: (B,) whole numbers become one-hot rows, floats stay as they are.

    Raises:
        ConfigError: they are none of this task.
    """
    if labels.is_floating_point():
        targets = labels.unsqueeze(1) if labels.ndim == 1 else labels
        if targets.ndim == 2 and targets.shape[1] == task.outputs:
            return targets
    elif task.speaks_of_classes and labels.ndim == 1:
        return task.targets_of(labels.long())
    due = (
        f"whole numbers (B,) or probabilities (B, {task.outputs})"
        if task.speaks_of_classes
        else (f"numbers (B, {task.outputs})")
    )
    raise ConfigError(f"labels: must be {due}, got {labels.dtype} {tuple(labels.shape)}")


def split_of(rows: Rows, what: str, task: Task, most: int | None = None) -> Split:
    """Rows as a split, floats as they are, bytes as pixels.

    Of soft labels (N, C) each row counts as its likeliest class, wherever a class is asked for.

    Raises:
        ConfigError: they are none of `Rows`, or labels are none of the task.
    """
    if isinstance(rows, Split):
        return rows
    inputs, labels = columns(rows, what, most)
    if not task.speaks_of_classes:
        numbers = task if isinstance(task, Regression) else None
        return Split(inputs, targets_of(labels, task), task.outputs, numbers=numbers)
    if labels.is_floating_point():
        labels = targets_of(labels, task).argmax(1)
    _require_classes(labels, task.outputs, what)
    vocabulary = None if inputs.is_floating_point() or inputs.dtype == torch.uint8 else int(inputs.max()) + 1
    return Split(inputs, labels.long(), task.outputs, vocabulary=vocabulary)


def _require_classes(labels: Tensor, num_classes: int, what: str) -> None:
    if labels.ndim != 1:
        raise ConfigError(
            f"{what}: labels must be whole numbers (N,), got {labels.dtype} {tuple(labels.shape)}"
        )
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ConfigError(
            f"{what}: labels must lie in 0 to {num_classes - 1}, as the model returns {num_classes} logits, "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
