"""How many rows each class has, and between what numbers to predict lie, in words."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

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


def spans(targets: Sequence[str], values: Tensor, unit: str) -> str:
    """The least and the most of each number to predict; of many only the first.

    Args:
        targets: their K names.
        values: (N, K) in their unit.
        unit: empty where nobody has said.
    """
    named = [
        f"{name} {low:g} to {high:g}{f' {unit}' if unit else ''}"
        for name, low, high in zip(targets, values.amin(0).tolist(), values.amax(0).tolist(), strict=True)
    ]
    what = "1 number" if len(targets) == 1 else f"{len(targets)} numbers"
    return f"{what} to predict: {listed(named, NAMED, ' and ')}"
