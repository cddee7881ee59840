"""Runs trained as one stack beside the same runs trained alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.training.loop import Diverged, EpochEnd, Run, fit
from regbench.training.replicas.events import ReplicaEnd
from regbench.training.replicas.fit import fit_stack
from regbench.types import Record
from tests.conftest import tiny

WITHIN = 1e-9  # of every loss and weight, in double precision


@contextmanager
def double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def configs(
    reg: Callable[[int], dict[str, Any]], model: str = "mlp", count: int = 3, **train: Any
) -> list[dict[str, Any]]:
    """Configurations that differ in their seeds, 0 to count - 1, and in what `reg` makes of them."""
    return [tiny(model, reg(seed), **train) | {"seed": seed} for seed in range(count)]


def trained_alone(runs: Sequence[Run]) -> list[list[Record]]:
    found: list[list[Record]] = []
    for run in runs:
        found.append([])
        try:
            found[-1] += [event.record for event in fit(run) if isinstance(event, EpochEnd)]
        except Diverged:
            continue
    return found


def trained_at_once(
    runs: Sequence[Run], histories: Sequence[Sequence[Record]] | None = None
) -> list[list[Record]]:
    found: list[list[Record]] = [[] for _ in runs]
    for event in fit_stack(runs, histories or [[] for _ in runs]):
        if isinstance(event, ReplicaEnd) and event.event is not None:
            found[event.index].append(event.event.record)
    return found


def assert_same(one: Sequence[Record], other: Sequence[Record]) -> None:
    assert [record.epoch for record in one] == [record.epoch for record in other]
    for here, there in zip(one, other, strict=True):
        assert here.metrics.keys() == there.metrics.keys()
        kept = {name: value for name, value in here.metrics.items() if not name.startswith("time/")}
        assert {name: there.metrics[name] for name in kept} == pytest.approx(kept, abs=WITHIN, nan_ok=True)


def assert_same_state(one: Run, other: Run) -> None:
    for found, alone in (
        (one.model.state_dict(), other.model.state_dict()),
        (one.reg.state_dict(), other.reg.state_dict()),
        (one.optimizer.state_dict()["state"], other.optimizer.state_dict()["state"]),
    ):
        torch.testing.assert_close(found, alone, rtol=0, atol=WITHIN)


def assert_as_alone(made: Sequence[dict[str, Any]]) -> list[list[Record]]:
    """Train them at once and alone, in double precision; return the records."""
    with double_precision():
        alone, at_once = list(map(build_run, made)), list(map(build_run, made))
        expected, found = trained_alone(alone), trained_at_once(at_once)
        for k in range(len(made)):
            assert_same(found[k], expected[k])
            assert_same_state(at_once[k], alone[k])
    return found
