"""The spread of several samples, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import special


def pooled(spreads: Sequence[tuple[float, int]]) -> float:
    """Give the standard deviation that several samples share: the root of the mean of squares, by n - 1.

    Args:
        spreads: standard deviation and number of values of each sample, two values or more.
    """
    squares = sum((count - 1) * sd**2 for sd, count in spreads)
    return math.sqrt(squares / sum(count - 1 for _, count in spreads))


def upper_limit(sd: float, degrees: int, level: float = 0.9) -> float:
    """Give what the standard deviation of normal values is at most, with a one-sided level.

    Args:
        sd: that was found.
        degrees: of freedom, at least 1: the number of values less one.
        level: in (0, 1).
    """
    return sd * math.sqrt(degrees / float(special.chdtri(degrees, level)))
