"""How many rows each class has, in words."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.errors import listed

NAMED = 5  # classes that are named before they are only counted


def by_class(names: Sequence[str], counts: Sequence[int], what: str) -> str:
    """Names of the classes with the number of what they have; of many classes only the first.

    Args:
        names: of the classes.
        counts: one for each name.
        what: in the plural, e.g. images.
    """
    named = [f"{name} {count}" for name, count in zip(names, counts, strict=True)]
    head = f"{len(names)} classes: "
    if len(named) <= 2 * NAMED:
        return head + ", ".join(named)
    low, high = min(counts), max(counts)
    each = f"{low} to {high}" if low < high else low
    return head + f"{listed(named, NAMED, ' and ')}, {each} {what} each"
