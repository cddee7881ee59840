"""What is found of each class: how often it is taken for itself, and what else it is taken for."""

from __future__ import annotations

from regbench.analysis.report import Arm, Comparison, PerClass
from regbench.analysis.words import number
from regbench.errors import counted
from regbench.reports.drawings.marks import Cells, Drawing, Panel
from regbench.reports.drawings.palette import SHARES, Looks
from regbench.reports.wording import shortened, typeset

ACCURACY = "val/accuracy"
FEW = 20  # so many classes have a number in each cell; of more the scale says what the colours are
NONE = "\N{EN DASH}"
TITLE = "% of the rows"


def per_class(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """How often each class is found, by each arm."""
    arms = _known(comparison)
    if not arms:
        return None
    values = [[_percent(one.mean if one else None) for one in found.accuracy] for _, found in arms]
    cells = Cells(
        values,
        [[NONE if value is None else f"{value:.0f}" for value in row] for row in values],
        [[_told(arm, found, place, comparison) for place in range(len(row))]
         for (arm, found), row in zip(arms, values, strict=True)],
        [arm.name for arm, _ in arms], comparison.classes, SHARES, 0.0, 100.0, TITLE,
    )  # fmt: skip
    caption = (
        "The share of the val rows of each class that is taken for it, its recall, in percent: means over "
        "the seeds. No verdict is given on a class."
    )
    return Drawing([Panel([cells])], caption)


def confusion(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """A matrix for each arm: of the rows of each class the share that is taken for each."""
    arms = _known(comparison)
    if not arms:
        return None
    few = len(comparison.classes) <= FEW
    caption = (
        f"Of the val rows of a class (a line) the share{', in percent,' if few else ''} that is taken for "
        f"each class (a column), rows of all seeds alike."
        f"{' A cell without a number is below 0.5 %.' if few else ''}"
    )
    return Drawing([_matrix(arm, found, comparison.classes) for arm, found in arms], caption)


def _known(comparison: Comparison) -> list[tuple[Arm, PerClass]]:
    return [(arm, arm.per_class) for arm in comparison.arms if arm.per_class]


def _matrix(arm: Arm, found: PerClass, classes: list[str]) -> Panel:
    values = [[_percent(share) for share in row] for row in found.confusion]
    told = [
        [f"{shortened(one)} taken for {shortened(other)}: {share:.1f} %" if share else ""
         for other, share in zip(classes, row, strict=True)]
        for one, row in zip(classes, values, strict=True)
    ]  # fmt: skip
    texts = [["" if not value or value < 0.5 else f"{value:.0f}" for value in row] for row in values]
    return Panel(
        [Cells(values, texts, told, classes, classes, SHARES, 0.0, 100.0, TITLE)], title=arm.name, square=True
    )


def _told(arm: Arm, found: PerClass, place: int, comparison: Comparison) -> str:
    """What is said of an arm and a class under the pointer."""
    name, known = shortened(comparison.classes[place]), found.accuracy[place]
    if known is None:
        return f"{name}: no val rows"
    rows = counted(found.support[place], "row")
    words = f"{name}, {rows}: {shortened(arm.name)} {number(ACCURACY, known.mean)} %"
    base = next((one.per_class for one in comparison.arms if one.name == comparison.baseline), None)
    other = base.accuracy[place] if base and arm.name != comparison.baseline else None
    if other is None:
        return words
    apart = typeset(number(ACCURACY, known.mean - other.mean, True))
    return f"{words}, {apart} points to {shortened(str(comparison.baseline))}"


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
