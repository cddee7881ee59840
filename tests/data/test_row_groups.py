"""Rows that stay together."""

from __future__ import annotations

import pytest
import torch

from regbench.data.row_groups import groups_apart


def parts(groups: torch.Tensor, strata: torch.Tensor, seed: int = 0) -> list[torch.Tensor]:
    return groups_apart(groups, strata, [4 / 6, 1 / 6, 1 / 6], torch.Generator().manual_seed(seed))


def test_every_row_is_in_one_part_and_every_group_too() -> None:
    groups = torch.randint(0, 100, (600,), generator=torch.Generator().manual_seed(1)) * 7
    strata = groups % 3
    found = parts(groups, strata)
    assert torch.cat(found).sort().values.tolist() == list(range(600))
    held = [set(groups[part].tolist()) for part in found]
    assert sum(map(len, held)) == len(set.union(*held))


def test_parts_have_their_shares_of_rows_and_of_classes() -> None:
    draw = torch.Generator().manual_seed(2)
    groups = torch.randint(0, 300, (3000,), generator=draw)
    strata = (torch.rand(3000, generator=draw) < 0.2).long()
    for part, share in zip(parts(groups, strata), (4 / 6, 1 / 6, 1 / 6), strict=True):
        assert abs(len(part) - 3000 * share) < 20
        assert abs((strata[part] == 1).sum().item() - (strata == 1).sum().item() * share) < 10


def test_a_group_too_large_for_what_is_held_out_stays_in_the_first_part() -> None:
    groups = torch.tensor([0] * 60 + list(range(1, 41)))
    large, *others = parts(groups, torch.zeros(100, dtype=torch.int64))
    assert set(range(60)) <= set(large.tolist())
    assert [len(part) for part in others] == [17, 17] or {len(part) for part in others} <= {16, 17}


def test_no_part_is_empty() -> None:
    found = parts(torch.tensor([0] * 30 + [1] * 20 + [2] * 10), torch.zeros(60, dtype=torch.int64))
    assert sorted(map(len, found)) == [10, 20, 30]


def test_depends_on_the_seed_alone() -> None:
    groups, strata = torch.arange(60) // 2, torch.arange(60) % 2
    one, again, other = (parts(groups, strata, seed)[1].tolist() for seed in (0, 0, 1))
    assert one == again != other


def test_fewer_groups_than_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 groups, one for each split, got 2"):
        parts(torch.tensor([0, 1] * 30), torch.zeros(60, dtype=torch.int64))
