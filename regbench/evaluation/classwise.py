"""What is measured class by class, so that a rare one counts as much as a frequent one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from regbench.evaluation.calibration import summed


class Counts(NamedTuple):
    """Of each of C classes, (C,) float64.

    Attributes:
        hits: rows of the class that are taken for it.
        rows: rows of the class.
        taken: rows that are taken for it.
    """

    hits: Tensor
    rows: Tensor
    taken: Tensor


def counts(guess: Tensor, labels: Tensor, num_classes: int) -> Counts:
    """Count rows by class, from guessed classes (N,) and labels (N,)."""
    right = (guess == labels).double()
    one = torch.ones_like(right)
    several = ((labels, right), (labels, one), (guess, one))
    return Counts(*(summed(where, values, num_classes) for where, values in several))


def balanced(guess: Tensor, labels: Tensor, num_classes: int) -> dict[str, Tensor]:
    """Balanced accuracy and macro F1, scalars in [0, 1]: the means over the classes that the labels hold.

    balanced_accuracy = mean of hits / rows.
    macro_f1 = mean of 2 * hits / (rows + taken), the harmonic mean of precision and recall.
    A class without rows is left out of both means, whether or not a row is taken for it.

    Paper: Brodersen et al., 2010, https://doi.org/10.1109/ICPR.2010.764
    Source: Opitz and Burst, 2019, https://arxiv.org/abs/1911.03347 (the mean of the F1s, not the F1 of means)
    """
    hits, rows, taken = counts(guess, labels, num_classes)
    there = rows > 0  # no rows are picked by it: how many there are would have to be waited for

    def mean_of(values: Tensor) -> Tensor:
        return torch.where(there, values, 0).sum() / there.sum()

    return {"balanced_accuracy": mean_of(hits / rows), "macro_f1": mean_of(2 * hits / (rows + taken))}


def confusion(guess: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """How many rows of each class are taken for each, (C, C) int64 on the CPU; a class's rows are a row."""
    pairs = labels.cpu() * num_classes + guess.cpu()
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)
