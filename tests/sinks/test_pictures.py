"""Pictures laid out as one."""

from __future__ import annotations

import pytest
import torch

from regbench.sinks.pictures import grid


@pytest.mark.parametrize(
    ("count", "rows", "columns"), [(1, 1, 1), (6, 3, 2), (7, 3, 3), (80, 10, 8), (64, 8, 8)]
)
def test_a_grid_lays_pictures_out_in_reading_order(count: int, rows: int, columns: int) -> None:
    images = torch.arange(1.0, count + 1).view(-1, 1, 1, 1).expand(-1, 3, 2, 5)
    picture = grid(images)
    assert picture.shape == (3, rows * 2, columns * 5)
    numbers = picture[0, ::2, ::5].flatten().tolist()
    assert numbers == [*range(1, count + 1), *[0] * (rows * columns - count)]
    assert torch.equal(picture[:, :2, :5], torch.ones(3, 2, 5))
