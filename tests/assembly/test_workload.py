"""How much a step computes, and how many threads a run has by it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from regbench.assembly import workload
from regbench.assembly.workload import operations, threads_of
from tests.conftest import compose


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(3, 5, batch_first=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs)[0][:, -1]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "shape", "multiplications"),
    [
        (nn.Linear(7, 3), (7,), 7 * 3 + 3),
        (nn.Sequential(nn.Linear(7, 4), nn.ReLU(), nn.Linear(4, 2)), (7,), 7 * 4 + 4 + 4 * 2 + 2),
        (nn.Linear(7, 3), (9, 7), 9 * (7 * 3 + 3)),
        (nn.Conv2d(2, 4, 3, padding=1), (2, 6, 5), 6 * 5 * (4 * 2 * 9 + 4)),
        (nn.Conv2d(2, 4, 3, stride=2), (2, 7, 7), 3 * 3 * (4 * 2 * 9 + 4)),
        (Recurrent(), (6, 3), 6 * 4 * 5 * (3 + 5 + 1 + 1)),
    ],
)
def test_each_parameter_counts_at_each_position_three_times(
    model: nn.Module, shape: tuple[int, ...], multiplications: int
) -> None:
    for rows in (1, 2):
        assert operations(model, torch.zeros(rows, *shape)) == 2 * 3 * multiplications


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload, "cores", lambda: 4)


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("words", "threads"),
    [
        (["model.width=64"], 1),
        (["model.width=512"], 1),
        (["model=cnn"], 1),
        (["model=resnet"], 4),
        (["model=resnet", "train.batch_size=16"], 1),
        (["model=resnet", "threads=2"], 2),
        (["model.width=64", "threads=3"], 3),
    ],
)
def test_a_small_step_has_one_thread_and_a_large_one_all(words: list[str], threads: int) -> None:
    assert threads_of(compose(*words, "device=cpu")) == threads


@pytest.mark.usefixtures("four_cores")
def test_neither_seed_nor_stack_nor_split_change_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[Any] = [[], ["seed=5"], ["+reg=[sam,batch_norm]"], ["dataset.split_seed=3"]]
    seen: list[float] = []
    monkeypatch.setattr(workload, "operations", lambda *given: seen.append(operations(*given)) or seen[-1])
    for some in words:
        threads_of(compose(*some, "device=cpu"))
    assert len(set(seen)) == 1
