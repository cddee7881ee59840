"""Draws for all runs of a stack are those of each run, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.streams import Clock, Stream
from regbench.training.replicas.numbers import Lane, Number, Unlike
from regbench.training.replicas.streams import StackedStream

SEEDS = [3, 0, 2**40]


def drawn(stacked: StackedStream, lane: Lane, draw: Callable[[Stream], Tensor]) -> Tensor:
    """What each run draws, (K, ...)."""

    def one(index: Tensor) -> Tensor:
        lane.index = index
        return draw(stacked)

    found = torch.func.vmap(one)(torch.arange(len(SEEDS)))
    lane.index = None
    return found


@pytest.mark.parametrize(
    "draw",
    [
        lambda s: s.bits(0.3, (5, 7)),
        lambda s: s.mask(torch.zeros(4, 3), 0.75),
        lambda s: s.uniform((3, 3)),
        lambda s: s.normal((5,)),
        lambda s: s.integers(10, (9,)),
        lambda s: s.integers(2**40, (9,)),
        lambda s: s.permutation(20),
        lambda s: s.betas(0.4, 0.4, 6),
        lambda s: s.betas(0.4, 2.0, 6),
        lambda s: torch.cat([s.uniform((3,)), s.uniform((2,)), s.normal((3,))]),
        lambda s: s.at("net.0").uniform((4,)),
    ],
)
def test_each_run_draws_what_it_draws_alone(draw: Callable[[Stream], Tensor]) -> None:
    clock, lane = Clock(), Lane(torch.device("cpu"))
    alone = [Stream(seed, "member", clock, "site") for seed in SEEDS]
    stacked = StackedStream([Stream(seed, "member", clock, "site") for seed in SEEDS], clock, lane)
    for clock.step, clock.micro, clock.passes in ((0, 0, -1), (7, 2, 0), (123_456, 0, 1)):
        expected = torch.stack([draw(stream) for stream in alone])
        assert torch.equal(drawn(stacked, lane, draw), expected)


def test_no_mask_is_looked_at_as_bytes_within_the_common_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which torch 2.11 has no batched form."""
    view = Tensor.view

    def watched(tensor: Tensor, *shape: Any) -> Tensor:
        assert not (torch._C._functorch.is_batchedtensor(tensor) and isinstance(shape[0], torch.dtype))
        return view(tensor, *shape)

    monkeypatch.setattr(Tensor, "view", watched)
    clock, lane = Clock(), Lane(torch.device("cpu"))
    stacked = StackedStream([Stream(seed, "member", clock) for seed in SEEDS], clock, lane)
    for keep in (0.75, Number([0.2, 0.5, 0.999], lane, "p")):
        found = drawn(stacked, lane, lambda s, keep=keep: s.mask(torch.zeros(4, 3), keep))  # type: ignore[misc]
        assert found.shape == (len(SEEDS), 4, 3)


@pytest.mark.parametrize(
    ("draw", "values"),
    [
        (lambda s, p: s.bits(p, (6, 50)), [0.2, 0.5, 0.999]),
        (lambda s, p: s.bits(p, (6, 50)), [0.0, 0.5, 1.0]),
        (lambda s, p: s.bits(1 - p, (6, 50)), [0.1, 0.3, 0.7]),
        (lambda s, a: s.betas(a, a, 6), [0.1, 1.0, 3.0]),
    ],
)
def test_a_number_of_each_run_acts_as_alone(
    draw: Callable[[Stream, Any], Tensor], values: list[float]
) -> None:
    clock, lane = Clock(), Lane(torch.device("cpu"))
    alone = [draw(Stream(seed, "member", clock), value) for seed, value in zip(SEEDS, values, strict=True)]
    stacked = StackedStream([Stream(seed, "member", clock) for seed in SEEDS], clock, lane)
    number = Number(values, lane, "p")
    assert torch.equal(drawn(stacked, lane, lambda s: draw(s, number)), torch.stack(alone))


def test_what_happens_once_in_a_run_is_no_part_of_a_step() -> None:
    clock, lane = Clock(), Lane(torch.device("cpu"))
    with pytest.raises(Unlike):
        StackedStream([Stream(seed, "member", clock) for seed in SEEDS], clock, lane).seed_of("noise")
