"""The values that a search may try: an interval of numbers, or a list of choices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both included; whole ones where both bounds are whole (`int`).

    Attributes:
        low: the least.
        high: the greatest, above it.
        log: whether a factor counts as a step, as of strengths and rates; both bounds are then above 0.

    Raises:
        ValueError: the bounds are no finite numbers in this order, or not above 0 where steps are factors.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"must be from a finite number to a greater one, got {self.low} to {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"must be above 0 where steps are factors, got {self.low} to {self.high}")

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values at its edges, for tests of whether all are legal."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """One of several values: numbers, words, or true and false.

    Attributes:
        values: at least two, each once.

    Raises:
        ValueError: there are fewer, or one is there twice.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2 or len(set(map(repr, self.values))) < len(self.values):
            raise ValueError(f"must have two values or more, each once, got {list(self.values)}")

    @property
    def ends(self) -> tuple[Any, ...]:
        """All of its values, for tests of whether all are legal."""
        return self.values

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


Domain = Interval | Choice
