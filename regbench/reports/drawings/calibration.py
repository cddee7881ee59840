"""Whether confidence can be believed: the reliability diagram, or else the expected calibration errors."""

from __future__ import annotations

from regbench.analysis.report import Arm, Comparison
from regbench.analysis.words import number
from regbench.reports.drawings.marks import Axis, Drawing, Panel, Row, Series
from regbench.reports.drawings.palette import GREY, Look, Looks
from regbench.reports.wording import scaled, shortened

ECE = "val/ece"
PERFECT = "perfect"


def calibration(comparison: Comparison, looks: Looks, whole: Comparison) -> Drawing | None:
    """The reliability diagram; where no run has its bins, the expected calibration errors."""
    arms = [arm for arm in comparison.arms if arm.reliability]
    if not arms:
        return _errors(comparison, looks)
    guide = Series(
        PERFECT, Look(GREY), [0.0, 100.0], [0.0, 100.0], joined="straight", dash="dot", signs=False
    )
    panel = Panel(
        [guide, *(_bins(arm, looks[arm.name]) for arm in arms)],
        Axis("confidence (%)", -3.0, 103.0),
        Axis("accuracy of the rows in the bin (%)", -3.0, 103.0),
        square=True,
    )
    caption = (
        "Of the val rows in a bin of confidence, the share that was right; below the diagonal is too sure. A "
        "marker grows with the share of the rows in its bin."
    )
    keys = [PERFECT, *(arm.name for arm in arms)]
    return Drawing([panel], caption, keys, together=1, common=[PERFECT])


def _bins(arm: Arm, look: Look) -> Series:
    """Those that hold any rows."""
    found = arm.reliability or {}
    columns = (found["confidence"], found["accuracy"], found["share"])
    bins = [
        (round(100 * confidence, 4), round(100 * accuracy, 4), share or 0.0)
        for confidence, accuracy, share in zip(*columns, strict=True)
        if confidence is not None and accuracy is not None
    ]
    return Series(
        arm.name,
        look,
        [sure for sure, _, _ in bins],
        [right for _, right, _ in bins],
        joined="straight",
        shares=[share for _, _, share in bins],
        told=[
            f"{shortened(arm.name)}: confidence {sure:.1f} %, accuracy {right:.1f} %, {100 * share:.1f} % of "
            "the rows"
            for sure, right, share in bins
        ],
    )


def _errors(comparison: Comparison, looks: Looks) -> Drawing | None:
    arms = [arm for arm in comparison.arms if ECE in arm.figures]
    if not arms:
        return None
    rows = [
        Row(float(len(arms) - place), arm.name, number(ECE, arm.figures[ECE].mean))
        for place, arm in enumerate(arms)
    ]
    marks = [_error(arm, looks[arm.name], row) for arm, row in zip(arms, rows, strict=True)]
    highest = max(value for one in marks for value in (*one.x, *one.high) if value is not None)
    panel = Panel(marks, Axis(comparison.terms.with_unit(ECE), 0.0, 1.06 * highest or 1.0), rows=rows)
    spread = "over the seeds, ± their standard deviation"
    caption = f"Mean {spread}. The bins of a reliability diagram were not recorded."
    return Drawing([panel], caption, note=f"mean {spread}")


def _error(arm: Arm, look: Look, row: Row) -> Series:
    spread = arm.figures[ECE]
    ends = (spread.mean - (spread.sd or 0.0), spread.mean + (spread.sd or 0.0))
    low, high = ([end] if spread.sd else [] for end in scaled(ECE, ends))
    told = [f"{shortened(arm.name)}: {number(ECE, spread.mean)} %"]
    return Series("", look, scaled(ECE, [spread.mean]), [row.at], low=low, high=high, ends="x", told=told)
