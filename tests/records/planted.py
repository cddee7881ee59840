"""Results in memory, of runs that never were, with effects that a test has planted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from regbench.analysis.cohorts import Cohort, cohorts
from regbench.records.course import Course
from regbench.records.reader import COMPARED, Result
from tests.records.made import course, figures, member, record


def result(
    stack: Sequence[str | tuple[str, dict[str, Any]]], seed: int, val: float, status: str = "finished"
) -> Result:
    """A run of a stack that came to this val accuracy."""
    named = [member(one) if isinstance(one, str) else one for one in stack]
    epochs = [figures(val)]
    made = record(named, seed, epochs, status)
    parts, kept = tuple(json.dumps(one) for one in named), Course.of(course(epochs), COMPARED)
    return Result(f"{made.name} {parts} {seed}", json.dumps(parts), parts, seed, {}, made, kept, {})


def runs(
    stacks: Iterable[Sequence[str]], seeds: Iterable[int], val: Callable[[Sequence[str], int], float]
) -> list[Result]:
    """A run of each stack at each seed."""
    return [result(stack, seed, val(stack, seed)) for stack in stacks for seed in seeds]


def cohort(results: Iterable[Result]) -> Cohort:
    """The one cohort that results make."""
    (made,), _ = cohorts(results)
    return made
