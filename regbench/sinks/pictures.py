"""Pictures, laid out as one."""

from __future__ import annotations

import math

from torch import Tensor


def grid(images: Tensor) -> Tensor:
    """Lay (N, C, H, W) out as one picture (C, rows * H, columns * W), about square; black fills up.

    Where it can the rows are full, so that pictures that come in groups of a size stand in columns.
    """
    side = math.isqrt(len(images))
    full_rows = [columns for columns in range(side, side // 2, -1) if len(images) % columns == 0]
    columns = full_rows[0] if full_rows else side + (side * side < len(images))
    rows = math.ceil(len(images) / columns)
    full = images.new_zeros(rows * columns, *images.shape[1:])
    full[: len(images)] = images
    by_row = full.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4)
    return by_row.flatten(3, 4).flatten(1, 2)
