"""Which rows are measured after an epoch, where measuring them all would take longer than the training."""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.data.splits import stratified_order
from regbench.types import Dataset, Split

ENOUGH = 1000  # rows of a curve: a share of 0.85 of so many is known to 1.1 points


def few_rows(asked: int | str | None, data: Dataset) -> dict[str, Tensor]:
    """Numbers of the rows by split, (R,), ascending; of a split that is not there all rows are measured.

    They are the first of a stratified order, so that they hold the classes in proportion, and follow from
    the labels alone: every stack and every seed is measured on the same rows.

    Args:
        asked: so many rows of each split; None: all; auto: all of select, which chooses, and half as many of
            train and of val as there are train rows, but at least `ENOUGH`.
        data: whole, on its device.
    """
    if asked is None:
        return {}
    splits = {"train": data.measured, "select": data.select, "val": data.val}
    most = asked if isinstance(asked, int) else max(ENOUGH, len(data.train) // 2)
    if not isinstance(asked, int):
        del splits["select"]
    return {name: _first(split, most) for name, split in splits.items() if most < len(split)}


def _first(split: Split, count: int) -> Tensor:
    order = stratified_order(split.labels.cpu(), torch.Generator().manual_seed(0))
    return order[:count].sort().values.to(split.labels.device)
