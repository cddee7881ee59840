"""The runs of a race, as far as they are judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from regbench.analysis.question import Question
from regbench.studies import readings
from regbench.studies.readings import Readings


@dataclass(frozen=True)
class Run:
    """As much of a result as is needed to sort and to time it."""

    summary: Any
    shared: dict[str, Any] = field(default_factory=lambda: {"train.lr": 0.1, "train.epochs": 3})


def job(name: str, seconds: float = 1.0) -> Any:
    return SimpleNamespace(folder=name, result=Run(SimpleNamespace(seconds=seconds)))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Readings:
    def find(folders: list[str]) -> Any:
        (name,) = folders
        ended = [job(name, float(name)).result] if name != "running" else []
        return SimpleNamespace(results=ended)

    monkeypatch.setattr(readings, "find", find)
    return Readings(Question())


def test_what_lies_behind_a_seed_that_has_not_ended_waits(read: Readings) -> None:
    read.take([((0, 0), job("1")), ((0, 1), job("2")), ((0, 2), job("3"))])
    read.take([((1, 0), job("1")), ((1, 1), job("running")), ((1, 2), job("3"))])
    assert sorted(read.settled()) == [(0, 0), (0, 1), (0, 2), (1, 0)]
    read.take([((1, 1), job("2")), ((2, 1), job("4"))])
    assert sorted(read.settled()) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_the_time_that_runs_took_is_known(read: Readings) -> None:
    assert (read.longest(0), read.mean_seconds()) == (None, None)
    read.take([((0, 0), job("1")), ((0, 1), job("5")), ((1, 0), job("3"))])
    assert (read.longest(0), read.longest(1), read.longest(2)) == (5, 3, None)
    assert read.mean_seconds() == 3
    assert read.taken([(0, 0), (0, 1), (7, 7)]) == 6


def test_values_that_are_each_stacks_own_are_no_conditions(read: Readings) -> None:
    tuned = Readings(Question(), ["train.lr"])
    tuned.take([((0, 0), job("1"))])
    read.take([((0, 0), job("1"))])
    assert tuned.settled()[0, 0].shared == {"train.epochs": 3}
    assert read.settled()[0, 0].shared == {"train.lr": 0.1, "train.epochs": 3}
