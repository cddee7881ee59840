"""The columns of a table among the inputs that are made of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from regbench.types import Batch, Split


def require_images_or_columns(rows: Batch | Split) -> None:
    """Refuse inputs that are neither images nor made of columns.

    Raises:
        ValueError: they are neither of shape (B, C, H, W) nor numbers of shape (B, F).
    """
    if rows.is_images or is_columns(rows):
        return
    raise ValueError(
        "inputs must be images of shape (B, C, H, W) or columns of numbers (B, F), "
        f"got {rows.inputs.dtype} {tuple(rows.inputs.shape)}"
    )


def is_columns(rows: Batch | Split) -> bool:
    """Whether inputs are numbers (B, F)."""
    return rows.inputs.ndim == 2 and rows.mixable


@dataclass(frozen=True)
class Columns:
    """What the F inputs of a row are made of.

    Attributes:
        of: (F,) int64, the number of the table's column of each, on the inputs' device.
        count: how many columns there are.
    """

    of: Tensor
    count: int


def columns_of(train: Split) -> Columns | None:
    """The columns behind the inputs of a split, by what it says of them; None of other inputs."""
    if not is_columns(train) or train.columns is None:
        return each_alone(train.inputs) if is_columns(train) else None
    return Columns(torch.tensor(train.columns, device=train.device), max(train.columns) + 1)


def each_alone(inputs: Tensor) -> Columns:
    """Each of the inputs (N, F) as a column of its own."""
    count = inputs.shape[1]
    return Columns(torch.arange(count, device=inputs.device), count)


def lowest(scores: Tensor, sizes: Tensor) -> Tensor:
    """Which of its columns each row is to have, (R, C) bool: sizes (R,) many, of the lowest scores (R, C)."""
    ranks = scores.argsort(1).argsort(1)
    return ranks < sizes[:, None]
