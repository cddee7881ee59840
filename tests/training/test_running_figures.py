"""Running figures that several ranks have moved in parts are those of one process."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from regbench.errors import ConfigError
from regbench.regularizers.ghost_batch_norm import GhostNorm
from regbench.training.running_figures import RunningFigures

CHANNELS = 3


class Between(nn.Module):
    """Two normalizations of batches, the second called twice in a pass."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, inputs: Tensor) -> Tensor:
        return self.second(self.second(self.first(inputs)) + 1)


def layer(momentum: float | None) -> nn.Module:
    return nn.BatchNorm1d(CHANNELS, momentum=momentum)


def ghost() -> nn.Module:
    return GhostNorm(CHANNELS, rows=3, axis=1, eps=1e-5, momentum=0.3)


def micro_batches(step: int, parts: int) -> list[Tensor]:
    """Of several sizes."""
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(4 + part % 3, CHANNELS, generator=generator) * (1 + part) for part in range(parts)]


def by_ranks(model: nn.Module, parts: list[Tensor], count: int) -> list[nn.Module]:
    """The model as each of so many ranks has it after a pass over the parts."""
    models = [copy.deepcopy(model) for _ in range(count)]
    figures = [RunningFigures(one) for one in models]
    for number, (one, running) in enumerate(zip(models, figures, strict=True)):
        running.begin(len(parts))
        for micro in range(number, len(parts), count):
            one(parts[micro])
            running.take(micro)
    parcels = [running.parcels() for running in figures]
    totals = [sum(alike) for alike in zip(*parcels, strict=True)]
    for running, own in zip(figures, parcels, strict=True):
        for mine, total in zip(own, totals, strict=True):
            mine.copy_(total)
        running.fold()
    return models


@pytest.mark.parametrize(
    "model",
    [
        Between(layer(0.1), layer(0.7)),
        Between(layer(None), layer(None)),
        Between(layer(1.0), layer(None)),
        Between(ghost(), ghost()),
    ],
    ids=["moving", "mean of all", "both", "ghosts"],
)
@pytest.mark.parametrize(("parts", "count"), [(2, 2), (4, 2), (6, 3), (3, 2), (1, 2), (2, 4)])
def test_after_several_steps_they_are_those_of_one_process(model: nn.Module, parts: int, count: int) -> None:
    one, several = copy.deepcopy(model), [copy.deepcopy(model)]
    for step in range(3):
        shown = micro_batches(step, parts)
        for part in shown:
            one(part)
        several = by_ranks(several[-1], shown, count)
        for each in several:
            for (name, theirs), (_, ours) in zip(each.named_buffers(), one.named_buffers(), strict=True):
                torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=1e-7, msg=name)


def test_a_mean_over_ranks_would_be_another_thing() -> None:
    """The order matters: the last micro-batch weighs most."""
    parts = micro_batches(0, 2)
    (one, _), (other, _) = by_ranks(layer(0.5), parts, 2), by_ranks(layer(0.5), parts[::-1], 2)
    assert not torch.allclose(one.running_mean, other.running_mean)  # type: ignore[arg-type]


def test_what_does_not_track_is_left_alone() -> None:
    resting, still = Between(layer(0.1), layer(0.1)), nn.BatchNorm1d(CHANNELS, track_running_stats=False)
    resting.first.eval()
    resting.second.track_running_stats = False  # as in an extra pass
    for model in (resting, still):
        running = RunningFigures(model)
        running.begin(2)
        model(micro_batches(0, 1)[0])
        running.take(0)
        assert running.parcels() == []
        running.fold()


class Counting(nn.Module):
    """Counts its calls in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        return inputs


def test_another_buffer_that_a_forward_pass_changes_is_refused_by_its_name() -> None:
    model = nn.Sequential(nn.Linear(2, 2), Counting())
    running = RunningFigures(model)
    running.begin(1)
    model(torch.zeros(1, 2))
    with pytest.raises(ConfigError, match=r"^model: 1\.calls must be no buffer that forward passes change"):
        running.take(0)


def test_one_that_asks_other_processes_by_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^model: 0 must be no SyncBatchNorm"):
        RunningFigures(nn.Sequential(nn.SyncBatchNorm(2)))
