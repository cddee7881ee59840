"""The clean gap of a model: train and val measured in the same way, on as many rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from regbench.data.splits import stratified_order
from regbench.evaluation.measurement import gaps
from regbench.library.outputs import measured, outputs_of
from regbench.library.rows import Rows, columns, split_of, task_of
from regbench.tasks import Task
from regbench.types import Split


@dataclass(frozen=True)
class Gap:
    """What a model loses on rows that it has not seen.

    Attributes:
        train: metrics by name, such as loss (nats) and accuracy, of as many train rows as val has.
        val: the same of the val rows.
        gap: how much better train is, by metric: of the loss val - train, of the accuracy train - val.
        rows: of each of the two.
    """

    train: Mapping[str, float]
    val: Mapping[str, float]
    gap: Mapping[str, float]
    rows: tuple[int, int]

    def __str__(self) -> str:
        figures = [
            f"{name}: train {self.train[name]:.4f}, val {self.val[name]:.4f}, gap {value:+.4f}"
            for name, value in self.gap.items()
        ]
        return "\n".join([*figures, f"{self.rows[0]:,} train rows, {self.rows[1]:,} val rows"])


def gap(
    model: nn.Module,
    train: Rows,
    val: Rows,
    *,
    num_classes: int | None = None,
    task: Task | None = None,
    seed: int = 0,
) -> Gap:
    """Measure the generalization gap in evaluation mode, without any member at work.

    Of train as many rows are measured as val has, in the classes' proportions, so that both figures are
    equally uncertain and neither is that of a running epoch. The model's mode is put back. Of averaged
    weights (ema) pass `Applied.eval_model`.

    Args:
        model: returns logits (B, C), or numbers (B, K).
        train: rows that it has learned from: (inputs, labels), a map-style Dataset, a DataLoader or a Split.
        val: rows that it has not.
        num_classes: C; found from the model's logits where it is not given.
        task: what is predicted; by default found from the labels of val.
        seed: which of the train rows, where there are more.

    Raises:
        ConfigError: rows cannot be read, or do not fit the model.
    """
    if task is None and isinstance(val, Split):
        task = val.task
    if task is None:
        inputs, labels = columns(val, "val")
        task = task_of(labels, num_classes or outputs_of(model, inputs[:2]))
    judged = split_of(val, "val", task)
    shown = some_of(split_of(train, "train", task), len(judged), seed)
    found = {}
    for name, split in (("train", shown), ("val", judged)):
        for metric, value in measured(model, split).items():
            found[f"{name}/{metric}"] = value
    return Gap(
        train=_of(found, "train"),
        val=_of(found, "val"),
        gap=_of(gaps(found), "gap"),
        rows=(len(shown), len(judged)),
    )


def _of(found: Mapping[str, float], split: str) -> dict[str, float]:
    return {n.removeprefix(f"{split}/"): v for n, v in found.items() if n.startswith(f"{split}/")}


def some_of(split: Split, count: int, seed: int) -> Split:
    """So many rows of a split, in the classes' proportions; all where it has no more."""
    if len(split) <= count:
        return split
    generator = torch.Generator().manual_seed(seed)
    labels = split.labels.cpu()
    order = (
        torch.randperm(len(labels), generator=generator)
        if labels.is_floating_point()
        else (stratified_order(labels, generator))
    )
    return split.subset(order[:count].to(split.device))
