"""Shrinking that makes exact zeros."""

from __future__ import annotations

import pytest
import torch

from regbench.nn.sparsity import shrink_, soft_threshold


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("threshold", [0.0, 1e-8, 0.01, 0.5, 1e30])
def test_shrinking_in_place_has_the_bits_of_the_definition(dtype: torch.dtype, threshold: float) -> None:
    values = torch.randn(33, 7, dtype=dtype, generator=torch.Generator().manual_seed(0))
    values.view(-1)[:3] = torch.tensor([0.01, -0.01, 0.0])
    for one in (values, values.t()):  # which is not contiguous
        wanted, found = soft_threshold(one, threshold), one.clone()
        shrink_(found, threshold)
        assert torch.equal(found, wanted)


def test_what_is_not_finite_stays_so() -> None:
    values = torch.tensor([torch.nan, torch.inf, -torch.inf])
    shrink_(values, 0.1)
    torch.testing.assert_close(values, torch.tensor([torch.nan, torch.inf, -torch.inf]), equal_nan=True)
