"""Which of many cases of one law the quick suite has; the others are marked `long`, and none is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest


def some_of(cases: Sequence[Any], every: int, kind: Callable[[Any], object] = lambda _: None) -> list[Any]:
    """Quick are every nth case and the first of each kind; a tuple holds the values of several arguments."""
    seen: set[object] = set()
    marked = []
    for place, case in enumerate(cases):
        is_quick = place % every == 0 or kind(case) not in seen
        seen.add(kind(case))
        marked.append(_case(case if isinstance(case, tuple) else (case,), is_quick))
    return marked


def crossed(first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
    """All pairs of two ways' cases: quick are as few as hold each case of either way."""
    return [
        _case((one, other), i % len(second) == j % len(first))
        for (i, one), (j, other) in product(enumerate(first), enumerate(second))
    ]


def _case(values: tuple[Any, ...], is_quick: bool) -> Any:
    return pytest.param(*values, marks=[] if is_quick else pytest.mark.long)
