"""The values that travel: batches, forward passes, splits, datasets, records.

Shapes, everywhere: B examples, C classes (or channels, beside H and W), ... feature axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from regbench.tasks import Classification, Regression, Task

PADDING, UNKNOWN = 0, 1  # token ids: what fills a row up, and words that the vocabulary lacks

_classification = cache(Classification)  # which every step asks for


@dataclass(frozen=True, slots=True)
class Batch:
    """What a training step sees.

    Attributes:
        inputs: (B, ...) float; images in [0, 1] as (B, C, H, W). Token ids (B, T) stay integer.
        targets: (B, K) float, as the task has them (`regbench.tasks`): a distribution over the classes, of
            which a label is a one-hot row, or standardized numbers.
        rows: (B,) int64, beside the targets: which row of its split each one is, in a training step of train.
            A view of one row (cropped, with noise, with other targets) keeps the number, also where there are
            several views of it; so does one in which noise has put single values of other rows
            (`swap_noise`). What else is made of several rows, or of none, has -1. None where nobody knows.
    """

    inputs: Tensor
    targets: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, rows: Tensor | slice) -> Batch:
        numbers = None if self.rows is None else _rows(self.rows, rows)
        return Batch(_rows(self.inputs, rows), _rows(self.targets, rows), numbers)

    def rows_but(self, made: Tensor | None = None) -> Tensor | None:
        """`rows` with -1 for what is made of several rows or of none.

        Args:
            made: (B,) bool, or the places of these; None: all.
        """
        if self.rows is None:
            return None
        if made is None:
            return torch.full_like(self.rows, -1)
        fill = self.rows.masked_fill if made.dtype == torch.bool else partial(self.rows.index_fill, 0)
        return fill(made, -1)

    @property
    def is_images(self) -> bool:
        """Whether the inputs are images (B, C, H, W)."""
        return self.inputs.ndim == 4

    @property
    def mixable(self) -> bool:
        """Whether the inputs are numbers, so that what lies between two rows is a row too."""
        return self.inputs.is_floating_point()


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """What one training forward pass produced, as a penalty sees it.

    Attributes:
        model: the model in training mode.
        batch: as shown to the model, after every batch hook.
        logits: (B, K): logits of the classes, or the predicted numbers.
        hidden: output of each hidden site in forward order; empty unless a member asks for them
            (`Regularizer.records_hidden`).
        class_weights: (C,), the `weight` of the cross-entropy: each row of it is
            sum over c of class_weights[c] * targets[c] * -log p[c]; None where all classes weigh alike.
        bf16: whether it was computed under autocast to bfloat16; `regbench.nn.passes` makes more of the kind.
    """

    model: nn.Module
    batch: Batch
    logits: Tensor
    hidden: Sequence[Tensor]
    class_weights: Tensor | None = None
    bf16: bool = False


class Ranks(Protocol):
    """The processes that work at one run, each at some of the micro-batches of a step.

    Attributes:
        number: of this one, from 0.
        count: of all.
    """

    number: int
    count: int

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Put into each of the tensors its sum over all ranks, who call it alike."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of a dataset in their storage type; indexing makes a Batch of them.

    Attributes:
        inputs: (N, ...): uint8 pixels, floats in [0, 1], or int64 token ids.
        labels: (N,) int64, as training is told them; (N, K) float where numbers are predicted, standardized.
        num_classes: C; of numbers K.
        scale: the stored pixel value that means 1.0.
        true_labels: (N,) int64 where `labels` hold noise, else None.
        mirrors: whether a mirrored image keeps its label (false for digits and letters).
        vocabulary: number of token ids, padding and unknown among them; None where inputs are no tokens.
        numbers: what is known of the targets where they are numbers; None where they are classes.
        columns: of inputs (N, F) that are made of the columns of a table, and standardized already, the
            number of the column that each of the F is made of; None where they are no table.
        file: where `inputs` is a map of part of a file of NumPy's, that file: then nothing should copy all of
            them; None where they are in memory.

    Inputs of more than fits a device's memory lie elsewhere than the labels; a batch is where the labels are.
    """

    inputs: Tensor
    labels: Tensor
    num_classes: int
    scale: float = 255.0
    true_labels: Tensor | None = None
    mirrors: bool = True
    vocabulary: int | None = None
    numbers: Regression | None = None
    columns: tuple[int, ...] | None = None
    file: Path | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def task(self) -> Task:
        """What is predicted of a row."""
        return self.numbers or _classification(self.num_classes)

    @property
    def device(self) -> torch.device:
        """Where its batches are."""
        return self.labels.device

    def __getitem__(self, rows: Tensor | slice) -> Batch:
        inputs = _rows(self.inputs, rows).to(self.device)
        if inputs.dtype == torch.uint8:
            inputs = inputs.to(torch.get_default_dtype()).div_(self.scale)
        return Batch(inputs, self.task.targets_of(_rows(self.labels, rows)), self._numbers(rows))

    def _numbers(self, rows: Tensor | slice) -> Tensor:
        """The numbers of rows, where its batches are; as they were given, where that is how they were."""
        if isinstance(rows, slice):
            return torch.arange(*rows.indices(len(self)), device=self.device)
        return (rows.nonzero()[:, 0] if rows.dtype == torch.bool else rows.long()).to(self.device)

    @property
    def is_images(self) -> bool:
        """Whether the inputs are images (N, C, H, W)."""
        return self.inputs.ndim == 4

    @property
    def mixable(self) -> bool:
        """Whether a batch's inputs are numbers, so that what lies between two rows is a row too."""
        return self.inputs.is_floating_point() or self.inputs.dtype == torch.uint8

    def subset(self, rows: Tensor | slice) -> Split:
        """The same split with these rows only."""
        true = None if self.true_labels is None else self.true_labels[rows]
        if isinstance(rows, Tensor):
            inputs, file = self.inputs[rows.to(self.inputs.device)], None
        else:
            inputs, file = self.inputs[rows], self.file
        return replace(self, inputs=inputs, labels=self.labels[rows], true_labels=true, file=file)

    def told(self, rows: Tensor) -> Split:
        """These rows without their inputs, of which there are none: for what only asks for labels."""
        true = None if self.true_labels is None else self.true_labels[rows]
        return replace(self, inputs=self.inputs[:0], labels=self.labels[rows], true_labels=true)

    def to(self, device: torch.device, inputs: bool = True) -> Split:
        """The same split on another device; without its inputs these go there batch by batch."""
        moved = self.inputs.to(device) if inputs else self.inputs
        file = self.file if moved is self.inputs else None
        true = None if self.true_labels is None else self.true_labels.to(device)
        return replace(self, inputs=moved, labels=self.labels.to(device), true_labels=true, file=file)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a run is told of a dataset.

    Attributes:
        train: the rows to learn from, in stratified order: every prefix has the classes' proportions.
        select: stops runs and picks the best epoch.
        val: judges; every gap is measured here, and it chooses nothing.
        read_test: reads the sealed test split; called after the run, and counted. None where there is none.
        in_shape: per-example shape of the inputs.
        num_classes: C; of numbers K.
        note: what was found, and how the inputs were made of it, a sentence a line; may be empty.
        warnings: what is seldom meant: labels that look wrong, rows that stand in train and in val.
        classes: the C names of the classes, in the order of their labels.
        tokens: how sentences become token ids, the fields of a `regbench.data.tokens.Tokenizer`; None where
            inputs are no tokens, or their words are not known.
        columns: how the columns of a table become inputs, for each column the fields of one of
            `regbench.data.table_files.inputs`; None where inputs are no table.
    """

    train: Split
    select: Split
    val: Split
    read_test: Callable[[], Split] | None
    in_shape: tuple[int, ...]
    num_classes: int
    note: str = ""
    warnings: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    tokens: Mapping[str, Any] | None = None
    columns: Sequence[Mapping[str, Any]] | None = None

    @property
    def vocabulary(self) -> int | None:
        """Number of token ids; None where inputs are no tokens."""
        return self.train.vocabulary

    @property
    def task(self) -> Task:
        """What is predicted of a row."""
        return self.train.task

    @property
    def measured(self) -> Split:
        """The train rows that stand for train in every gap: as many as `val`, stratified, fixed."""
        return self.train.subset(slice(0, len(self.val)))

    def to(self, device: torch.device) -> Dataset:
        """The same dataset with its splits on another device.

        Where inputs take more than half of the memory that is free there they stay where they are.
        """
        read = self.read_test
        fits = fits_on(device, self.train, self.select, self.val)
        return replace(
            self,
            train=self.train.to(device, fits),
            select=self.select.to(device, fits),
            val=self.val.to(device, fits),
            read_test=None if read is None else lambda: _moved(read(), device),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """What one epoch left behind.

    Attributes:
        epoch: 1 for the first.
        metrics: "<split>/<name>"; losses in nats, accuracies in [0, 1], times in seconds.
    """

    epoch: int
    metrics: dict[str, float]


def fits_on(device: torch.device, *splits: Split) -> bool:
    """Whether the inputs of splits take at most half of what is free of a device's memory."""
    if device.type != "cuda":  # main memory, where they are, or one that does not say
        return True
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(
        device
    )  # by torch, for what comes
    free = torch.cuda.mem_get_info(device)[0] + kept
    return sum(split.inputs.nbytes for split in splits) * 2 <= free


def _moved(split: Split, device: torch.device) -> Split:
    return split.to(device, fits_on(device, split))


def _rows(values: Tensor, rows: Tensor | slice) -> Tensor:
    """values[rows], wherever the values are; by their numbers in a third of the time."""
    if isinstance(rows, Tensor):
        rows = rows.to(values.device)
        if rows.dtype == torch.int64 and rows.ndim == 1:
            return values.index_select(0, rows)
    return values[rows]
