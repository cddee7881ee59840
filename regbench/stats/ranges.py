"""What the numbers that statistics are asked with must be."""

from __future__ import annotations

import math


def require_inside(name: str, value: float) -> None:
    """Refuse a share that is not strictly between 0 and 1.

    Raises:
        ValueError: it is not; it is called by its name.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie in (0, 1), got {value}")


def require_least(name: str, value: int, least: int) -> None:
    """Refuse a number below the least.

    Raises:
        ValueError: it is; it is called by its name.
    """
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def require_design(sd: float, pairs: int, power: float, alpha: float) -> None:
    """Refuse what no power can be asked of.

    Raises:
        ValueError: power or alpha is outside (0, 1), or the standard deviation of several pairs no number.
    """
    require_inside("power", power)
    require_inside("alpha", alpha)
    if pairs > 1 and not 0 <= sd < math.inf:  # one difference has none
        raise ValueError(f"sd must be at least 0 and finite, got {sd}")
