"""The page's table of classes."""

from __future__ import annotations

from regbench.analysis.report import Comparison, Spread
from regbench.analysis.words import number
from regbench.reports.drawings.palette import Looks
from regbench.reports.page.tables import Cell, SortableTable

ACCURACY = "val/accuracy"


def class_table(comparison: Comparison, looks: Looks) -> SortableTable | None:
    """A row for each arm, a column for each class."""
    arms = [(arm, arm.per_class) for arm in comparison.arms if arm.per_class]
    if not arms:
        return None
    support = arms[0][1].support
    headings = [f"{name} ({rows})" for name, rows in zip(comparison.classes, support, strict=True)]
    return SortableTable(
        [("accuracy of the val rows of a class, % (rows)", len(headings))],
        headings,
        [(arm.name, looks[arm.name].colour, list(map(_of_class, found.accuracy))) for arm, found in arms],
    )


def _of_class(known: Spread | None) -> Cell:
    if known is None:
        return Cell("\N{EN DASH}")
    aside = "" if known.sd is None else f"± {number('val/accuracy', known.sd)}"
    return Cell(number(ACCURACY, known.mean), aside, known.mean)
