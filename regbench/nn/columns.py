"""The columns of a table among the inputs that are made of them."""

from __future__ import annotations

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


def columns_of(train: Split) -> Tensor | None:
    """For each input the number of the table's column that it is made of: (F,) int64, on the CPU.

    Where nobody says, each of the inputs (N, F) is a column of its own. None of other inputs.
    """
    if not is_columns(train):
        return None
    known = range(train.inputs.shape[1]) if train.columns is None else train.columns
    return torch.tensor(list(known), dtype=torch.int64)


def lowest(scores: Tensor, sizes: Tensor) -> Tensor:
    """Which of its columns each row is to have, (R, C) bool: sizes (R,) many, of the lowest scores (R, C)."""
    ranks = scores.argsort(1).argsort(1)
    return ranks < sizes[:, None]
