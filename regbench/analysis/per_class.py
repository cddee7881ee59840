"""What runs have found of each class: read, checked, and pooled over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from regbench.analysis.report import PerClass, Spread
from regbench.records.files import uneven
from regbench.records.reader import Result, printable
from regbench.records.summary import Summary


def per_class(results: Sequence[Result], at: str, num_classes: int) -> PerClass | None:
    """Accuracy and confusion of each class over all runs; None where none was asked, or they have others."""
    found = [r.summary.per_class.at(at) for r in results if r.summary.per_class]
    if not found or {len(one.support) for one in found} != {num_classes}:
        return None
    counts = np.array([one.confusion for one in found], dtype=float).sum(0)
    rows = counts.sum(1)
    return PerClass(
        accuracy=[_spread([one.accuracy[place] for one in found]) for place in range(len(rows))],
        support=[int(count) for count in found[0].support],
        confusion=[
            (row / total).tolist() if total else [None] * len(rows)
            for row, total in zip(counts, rows, strict=True)
        ],
    )


def _spread(values: Sequence[float | None]) -> Spread | None:
    """Over the runs in which the class has rows."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return Spread(len(known), float(np.mean(known)), sd)


def classes_of(results: Iterable[Result]) -> list[str]:
    """The names of the classes in printable signs; older records have numbers."""
    summaries = [result.summary for result in results]
    named = next((summary.classes for summary in summaries if summary.classes), None)
    if named:
        return [printable(name) for name in named]
    counted = (len(summary.per_class.last.support) for summary in summaries if summary.per_class)
    return [str(number) for number in range(next(counted, 0))]


def is_uneven(summary: Summary) -> bool:
    """Whether accuracy says little of the small classes; unknown in older records, and then false."""
    rows = summary.class_rows.train if summary.class_rows else []
    return uneven(rows) if rows else False
