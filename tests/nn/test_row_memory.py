"""What is kept of each train row, by hand, in one process and by several ranks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from regbench.nn import row_memory
from regbench.nn.row_memory import RowMemory
from regbench.types import Ranks
from tests.ranks import forked

MODEL = nn.Linear(1, 1)


def numbers(*rows: int) -> Tensor:
    return torch.tensor(rows)


def kept(memory: RowMemory) -> list[list[float]]:
    averages: Tensor = memory.state_dict()["averages"]
    return averages.tolist()


def test_averages_move_at_the_end_of_a_step() -> None:
    memory, new = RowMemory(), torch.tensor([[8.0, 0.0], [0.0, 4.0]])
    moved = memory.moved(0, numbers(2, 0), new, decay=0.75, count=3)
    assert moved.tolist() == [[2.0, 0.0], [0.0, 1.0]]
    assert memory.of(numbers(2, 0), new).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    memory.end_step(MODEL, None, 3)
    assert memory.of(numbers(0, 1, 2), new).tolist() == [[0.0, 1.0], [0.0, 0.0], [2.0, 0.0]]
    assert memory.moved(0, numbers(2), new[:1], decay=0.75, count=3).tolist() == [[3.5, 0.0]]


def test_a_step_of_several_micro_batches_moves_the_rows_of_all() -> None:
    memory = RowMemory()
    for micro, row in enumerate((1, 0)):
        memory.moved(micro, numbers(row), torch.tensor([[1.0 + micro, 0.0]]), decay=0.5, count=2)
    memory.end_step(MODEL, None, 2)
    assert kept(memory) == [[1.0, 0.0], [0.5, 0.0]]


def test_a_step_without_rows_changes_nothing() -> None:
    memory = RowMemory()
    memory.end_step(MODEL, None, 2)
    assert memory.state_dict() == {}


def test_no_gradient_is_kept() -> None:
    memory, new = RowMemory(), torch.ones(1, 2, requires_grad=True)
    assert not memory.moved(0, numbers(0), new, decay=0.5, count=1).requires_grad


def test_the_state_is_a_copy() -> None:
    memory = RowMemory()
    memory.moved(0, numbers(0), torch.ones(1, 2), decay=0.5, count=1)
    memory.end_step(MODEL, None, 1)
    state = memory.state_dict()
    memory.moved(0, numbers(0), torch.ones(1, 2), decay=0.5, count=1)
    memory.end_step(MODEL, None, 1)
    assert (state["averages"].tolist(), kept(memory)) == ([[0.5, 0.5]], [[0.75, 0.75]])


def test_of_views_of_a_row_the_first_counts() -> None:
    memory, new = RowMemory(), torch.tensor([[8.0], [1.0], [2.0], [3.0], [4.0], [6.0]])
    moved = memory.moved(0, numbers(3, 0, 3, -1, 0, -1), new, decay=0.5, count=4)
    assert moved.flatten().tolist() == [4.0, 0.5, 4.0, 0.0, 0.5, 0.0]
    memory.end_step(MODEL, None, 4)
    assert kept(memory) == [[0.5], [0.0], [0.0], [4.0]]


class Largest(TorchDispatchMode):
    """The most values that a tensor has which an operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        found = [
            one.numel() for one in (out if isinstance(out, tuple) else (out,)) if isinstance(one, Tensor)
        ]
        self.values = max([self.values, *found])
        return out


def test_of_a_large_batch_nothing_is_made_of_pairs_of_rows() -> None:
    memory, rows = RowMemory(), torch.randperm(3000)
    with Largest() as largest:
        memory.moved(0, rows, torch.ones(3000, 2), decay=0.5, count=3000)
        memory.end_step(MODEL, None, 3000)
    assert 0 < largest.values <= 3001 * 2


def test_of_a_row_in_several_micro_batches_the_first_of_them_counts() -> None:
    memory = RowMemory()
    for micro, rows in ((0, (2, 1)), (1, (1, 0)), (2, (0, 1))):
        memory.moved(micro, numbers(*rows), torch.full((2, 1), 2.0 + micro), decay=0.5, count=3)
    memory.end_step(MODEL, None, 3)
    assert kept(memory) == [[1.5], [1.0], [1.0]]


def test_goes_to_the_device_that_averages_of_other_ranks_are_on(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = RowMemory()
    memory.load_state_dict({"averages": torch.ones(2, 3)}, 2)
    told = torch.zeros(1, 2, dtype=torch.int64, device="meta"), torch.ones(1, 3, device="meta")
    monkeypatch.setattr(row_memory, "of_all", lambda *_: told)
    memory.end_step(MODEL, cast(Ranks, object()), 2)
    assert memory.state_dict()["averages"].is_meta


class Plainly:
    """Ranks that add up by torch's own function."""

    def __init__(self) -> None:
        self.number, self.count = dist.get_rank(), dist.get_world_size()

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            dist.all_reduce(tensor)


def of_two_ranks(dtype: torch.dtype = torch.float32) -> list[list[list[float]]]:
    """Three steps: rows of the first rank alone, of both (more of the second), and of none."""
    ranks, memory, model, found = Plainly(), RowMemory(), nn.Linear(1, 1).to(dtype), []
    for step in ([(0, [4])], [(0, [1]), (1, [3, 0, -1])], []):
        for rank, rows in step:
            if rank == ranks.number:
                new = torch.tensor([[2.0 * row, 1.0] for row in rows], dtype=dtype)
                memory.moved(rank, numbers(*rows), new, decay=0.5, count=5)
        memory.end_step(model, ranks, 5)
        found.append(kept(memory))
    assert memory.state_dict()["averages"].dtype == dtype
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_ranks_have_what_all_have_seen(tmp_path: Path, dtype: torch.dtype) -> None:
    empty, first = [0.0, 0.0], [[0.0] * 2] * 4 + [[4.0, 0.5]]
    second = [[0.0, 0.5], [1.0, 0.5], empty, [3.0, 0.5], [4.0, 0.5]]
    assert forked(2, tmp_path, lambda: of_two_ranks(dtype)) == [[first, second, second]] * 2


def of_turns() -> list[list[float]]:
    """Four micro-batches, of which each rank has every other one; row 0 in all, row 1 from the second on."""
    ranks, memory = Plainly(), RowMemory()
    for micro in range(ranks.number, 4, ranks.count):
        rows = numbers(0, 1) if micro else numbers(0)
        memory.moved(micro, rows, torch.full((len(rows), 1), 2.0 + micro), decay=0.5, count=3)
    memory.end_step(MODEL, ranks, 3)
    return kept(memory)


def test_of_a_row_that_several_ranks_show_the_first_micro_batch_counts(tmp_path: Path) -> None:
    assert forked(2, tmp_path, of_turns) == [[[1.0], [1.5], [0.0]]] * 2
