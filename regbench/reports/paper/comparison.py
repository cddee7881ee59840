"""Figures of a report for a paper: PDF, SVG and PNG, one or two columns wide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from regbench.analysis.report import Comparison, Report
from regbench.folders import outputs
from regbench.reports.drawings.charts import CHARTS
from regbench.reports.drawings.palette import Looks, looks
from regbench.reports.filenames import distinct
from regbench.reports.paper.drawing import figures_of
from regbench.reports.paper.style import STYLE, rendered
from regbench.reports.portions import AT_ONCE, portions


def write_figures(report: Report, folder: Path) -> list[Path]:
    """Write the figures of every comparison, and give their paths.

    A file is called after its comparison and what it shows, with a number where the arms are too many for one
    figure; a figure that has nothing to show is left out.
    The same report gives the same bytes.

    Args:
        report: what is drawn.
        folder: made where it is missing; earlier figures of the same names are replaced.

    Raises:
        OSError: a file cannot be written, or would take the place of one that is no figure of ours.
    """
    files: dict[str, bytes] = {}
    slugs = distinct(comparison.name for comparison in report.comparisons)
    with rc_context(STYLE):
        for slug, comparison, of_arms in zip(slugs, report.comparisons, looks(report), strict=True):
            for name, figure in figures(comparison, of_arms):
                files |= rendered(figure, f"{slug}-{name}")
    return outputs.write_figures(folder, files)


def figures(comparison: Comparison, of_arms: Looks) -> Iterator[tuple[str, Figure]]:
    """Each figure of a comparison with what it shows; of many arms several, none larger than a page."""
    many = len(comparison.arms) > AT_ONCE
    for chart in CHARTS:
        several = portions(comparison, AT_ONCE - 1) if many and chart.by_arms else [comparison]
        for number, some in enumerate(several, 1):
            drawing = chart.describe(some, of_arms, comparison)
            for name, figure in figures_of(drawing) if drawing else ():
                called = name or chart.name
                yield f"{called}-{number}" if len(several) > 1 else called, figure
