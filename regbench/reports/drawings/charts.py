"""Every chart of a comparison, in the order of the page: to add one is to describe it and to name it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from regbench.analysis.report import Comparison
from regbench.records.metrics import CLASSES, TaskName
from regbench.reports.drawings.calibration import calibration
from regbench.reports.drawings.classes import confusion, per_class
from regbench.reports.drawings.cost import cost
from regbench.reports.drawings.curves import curves
from regbench.reports.drawings.differences import differences, overall
from regbench.reports.drawings.interactions import interactions
from regbench.reports.drawings.marks import Drawing
from regbench.reports.drawings.palette import Looks

# Of the comparison with the arms to draw, the looks of all, and the comparison with all arms.
Describe = Callable[[Comparison, Looks, Comparison], Drawing | None]


@dataclass(frozen=True)
class Chart:
    """A chart and its place.

    Attributes:
        name: in addresses on the page, and of its files on paper.
        heading: above it on the page, {} for what decides; it stands there once for charts after each other
            that share it.
        describe: gives its drawing; None where there is nothing to show.
        by_arms: whether it grows with the arms, so that of many some are shown at a time.
        half: whether it takes half of a page's width, beside the next one.
        missing: what is said in its place on the page where there is nothing to show; empty: nothing.
        task: of what predictions there is such a chart; None: of any.
    """

    name: str
    heading: str
    describe: Describe
    by_arms: bool = True
    half: bool = False
    missing: str = ""
    task: TaskName | None = None


CHARTS = (
    Chart("overall", "Differences", overall, by_arms=False),
    Chart("differences", "Differences", differences),
    Chart("curves", "Curves", curves),
    Chart("cost", "{} against cost", cost, half=True),
    Chart(
        "reliability",
        "Calibration",
        calibration,
        half=True,
        missing="Not measured: these runs were made without evaluate=[calibration].",
        task=CLASSES,
    ),
    Chart("per-class", "Classes", per_class),
    Chart("confusion", "Classes", confusion),
    Chart("interactions", "Interactions", interactions, by_arms=False),
)
