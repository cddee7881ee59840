"""The GPUs that jobs of a sweep are placed on, as they are typed: `devices=all|0,1|cpu`, `per_device=k`."""

from __future__ import annotations

import re
from typing import Any

from regbench.errors import ConfigError, brief

ALL, NONE = "all", "cpu"  # beside numbers
MOST_PER_DEVICE = 256
SEVERAL = re.compile(r"(devices)=(\d+(?:,\d+)+)")


def as_list(override: str) -> str:
    """`devices=0,1` as `devices=[0,1]`: of jobs that differ in where they run alone there would be one."""
    return SEVERAL.sub(r"\1=[\2]", override) if SEVERAL.fullmatch(override) else override


def read_devices(value: Any) -> tuple[int, ...] | None:
    """The numbers that are meant, none of them for `cpu`; None for all devices that there are.

    Raises:
        ConfigError: it is no such value.
    """
    if value is None or value == ALL:
        return None
    if value == NONE:
        return ()
    numbers = list(value) if isinstance(value, list | tuple) else [value]
    right = all(type(one) is int and one >= 0 for one in numbers)
    if not numbers or not right or len(set(numbers)) < len(numbers):
        raise ConfigError(
            "devices: must be all, cpu, null or different numbers of GPUs from 0, such as 0,1, "
            f"got {brief(value)}"
        )
    return tuple(numbers)


def require_per_device(value: int) -> None:
    """Refuse a number of jobs that cannot share a GPU.

    Raises:
        ConfigError: it is one.
    """
    if not 1 <= value <= MOST_PER_DEVICE:
        raise ConfigError(f"per_device: must lie in [1, {MOST_PER_DEVICE}], got {value}")
