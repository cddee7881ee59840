"""Figures of a search for a paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib import rc_context

from regbench.analysis.search_findings import Importance
from regbench.analysis.searching import SearchReport
from regbench.folders import outputs
from regbench.reports.drawings.search import charts
from regbench.reports.filenames import distinct
from regbench.reports.paper.drawing import figures_of
from regbench.reports.paper.style import STYLE, rendered


def figures(report: SearchReport, importance: Mapping[str, Importance], folder: Path) -> list[Path]:
    """Write every chart as PDF, SVG and PNG, and give their paths; the same findings, the same bytes.

    A file is called after what it shows, and of an arm after that: `search-expected`,
    `search-parallel-baseline`.

    Args:
        report: what is drawn.
        importance: of the parameters of each arm, by its name.
        folder: made where it is missing; earlier figures of the same names are replaced.

    Raises:
        OSError: a file cannot be written, or would take the place of one that is no figure of ours.
    """
    every = charts(report, importance)
    names = distinct("-".join(filter(None, ["search", one.name, one.arm])) for one in every)
    files: dict[str, bytes] = {}
    with rc_context(STYLE):
        for name, one in zip(names, every, strict=True):
            for _, figure in figures_of(one.drawing):
                files |= rendered(figure, name)
    return outputs.write_figures(folder, files)
