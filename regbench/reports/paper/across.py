"""Figures of what holds over several conditions for a paper."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context

from regbench.analysis.across_report import Across
from regbench.folders import outputs
from regbench.reports.drawings.across import charts
from regbench.reports.paper.drawing import figures_of
from regbench.reports.paper.style import STYLE, rendered


def write_figures(found: Across, folder: Path) -> list[Path]:
    """Write `across-conditions` and `across-ranks`, and give their paths; the same findings, the same bytes.

    Args:
        found: what is drawn.
        folder: made where it is missing; earlier figures of the same names are replaced.

    Raises:
        OSError: a file cannot be written, or would take the place of one that is no figure of ours.
    """
    files: dict[str, bytes] = {}
    with rc_context(STYLE):
        for chart in charts(found):
            for _, figure in figures_of(chart.drawing):
                files |= rendered(figure, f"across-{chart.name}")
    return outputs.write_figures(folder, files)
