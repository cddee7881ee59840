"""Classes of uneven size: what each weighs in the loss, and when a person should hear of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.records.files import uneven


def weights_of(asked: str | Sequence[float], labels: Tensor, num_classes: int) -> Tensor:
    """The weight of each class (C,), such that the mean weight of the rows is 1.

    `balanced` weighs a class of n_c rows with N / (K n_c), K being the classes that have rows, so that each
    of these has the same share of the loss; a class without rows has the weight 1. Of a list only the ratios
    count.

    Args:
        asked: `balanced`, or one number above 0 for each class.
        labels: (N,) of the train split, as training is told them.
        num_classes: C.

    Raises:
        ValueError: the list has not one weight for each class, or one is not above 0.
    """
    rows = torch.bincount(labels.cpu(), minlength=num_classes).double()
    if isinstance(asked, str):
        there = rows > 0
        return torch.where(there, len(labels) / (there.sum() * rows), 1.0).to(torch.get_default_dtype())
    weights = torch.tensor(list(asked), dtype=torch.float64)
    if len(weights) != num_classes:
        raise ValueError(
            f"class_weights must be one for each of the {num_classes} classes, got {len(weights)}"
        )
    if not (weights > 0).all():
        raise ValueError(f"class_weights must be above 0, got {weights.min().item():g}")
    return (weights * len(labels) / (weights * rows).sum()).to(torch.get_default_dtype())


def warning(rows: Sequence[int], classes: Sequence[str]) -> str:
    """What to say of classes with these rows of train; empty where they are about even, or there are none."""
    if not uneven(rows):
        return ""
    most, least = max(rows), min(rows)
    large, small = (classes[rows.index(count)] for count in (most, least))
    return (
        f"classes are uneven: {large} has {most:,} train rows, {small} {least:,}; accuracy says little of "
        "the small ones, so read balanced_accuracy and macro_f1 beside it, or set "
        "train.class_weights=balanced"
    )
