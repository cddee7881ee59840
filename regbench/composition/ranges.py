"""The jobs that the words of a sweep make, counted before any of them is made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, RangeSweep, Sweep

from regbench.errors import ConfigError

MOST_JOBS = 10_000  # of a command line


def refuse_endless(overrides: Sequence[Any]) -> None:
    """Refuse a sweep that lists no values, or more than anybody runs.

    Args:
        overrides: as Hydra's parser reads them.

    Raises:
        ConfigError: one lists none or its range is no range; or all of them together make too many jobs.
    """
    jobs, longest = 1, ("", 0)
    for one in overrides:
        if not one.is_sweep_override():
            continue
        key, line = one.get_key_element().lstrip("+"), one.input_line
        if one.is_interval_sweep():
            raise ConfigError(f"{key}: must list its values, got {line}")
        count = _count(one, key)
        if not count:
            raise ConfigError(f"{line}: must list at least one value to sweep over")
        if count > longest[1]:
            longest = key, count
        jobs *= count
    if jobs > MOST_JOBS:
        raise ConfigError(
            f"{longest[0]}: a line must make at most {MOST_JOBS:,} jobs, got {_spelled(jobs)}; sweep in parts"
        )


def jobs_of(overrides: Sequence[Any]) -> list[list[str]]:
    """The words of each job, in the order of Hydra's own sweeper: the last word's values change first.

    Args:
        overrides: as Hydra's parser reads them; those that `refuse_endless` refuses aside.
    """
    values: dict[str, list[str]] = {}
    for one in overrides:
        key = one.get_key_element()
        found = one.sweep_string_iterator() if one.is_sweep_override() else [one.get_value_element_as_str()]
        values[key] = [f"{key}={value}" for value in found]
    return [list(words) for words in itertools.product(*values.values())]


def refuse_many(jobs: int, key: str) -> None:
    """Refuse more jobs than anybody runs.

    Raises:
        ConfigError: they are too many.
    """
    if jobs > MOST_JOBS:
        raise ConfigError(
            f"{key}: a line must make at most {MOST_JOBS:,} jobs, got {_spelled(jobs)}; sweep in parts"
        )


def _count(one: Any, key: str) -> int:
    value = one.value()
    if isinstance(value, RangeSweep):
        return _length(value, key, one.input_line)
    if isinstance(value, Glob):
        return len(list(one.sweep_iterator()))  # of the options that are there
    return len(value.list) if isinstance(value, ChoiceSweep) else 1


def refuse_inner(one: Any) -> None:
    """Refuse a sweep within a value, or as one of several: Hydra takes it, and fails over it later.

    Args:
        one: a word, as Hydra's parser reads it.

    Raises:
        ConfigError: there is one.
    """
    key, value = one.get_key_element().lstrip("+~"), one.value()
    if any(map(_has_sweep, value.list if isinstance(value, ChoiceSweep) else _parts(value))):
        raise ConfigError(
            f"{key}: must be values, or one function of them such as choice(1,2) or range(3) that stands "
            f"alone, got {one.input_line}"
        )


def _has_sweep(value: Any) -> bool:
    return isinstance(value, Sweep | Glob) or any(map(_has_sweep, _parts(value)))


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _length(of: RangeSweep, key: str, line: str) -> int:
    """How many numbers a range has; huge where its bounds are.

    Raises:
        ConfigError: a bound is no finite number, or its step is zero.
    """
    numbers = (of.start, of.stop, of.step)
    if not all(isinstance(number, int) or math.isfinite(number or 0) for number in numbers):
        raise ConfigError(f"{key}: a range must have finite bounds and a finite step, got {line}")
    start, stop, step = (0 if number is None else number for number in numbers)
    if not step:
        raise ConfigError(f"{key}: a range must have a step other than 0, got {line}")
    if all(isinstance(number, int) for number in (start, stop, step)):
        return max(0, -((start - stop) // step))  # type: ignore[operator, return-value]
    try:
        share = (float(stop) - float(start)) / float(step)
    except OverflowError:
        raise ConfigError(f"{key}: a range must have bounds that can be counted, got {line}") from None
    if not math.isfinite(share):
        return MOST_JOBS + 1
    return max(0, math.ceil(round(share, 9)))


def _spelled(jobs: int) -> str:
    return f"{jobs:,}" if jobs < 10**15 else "more than can be counted"
