"""Response curves as figures for a paper, one column wide: the metric above, the gap below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context

from regbench.folders import outputs
from regbench.reports.drawings.response import response
from regbench.reports.drawings.sketch import Sketch
from regbench.reports.filenames import distinct
from regbench.reports.paper.drawing import figures_of
from regbench.reports.paper.style import STYLE, rendered


def write_figures(sketches: Sequence[Sketch], folder: Path) -> list[Path]:
    """Write the figure of every curve that has a run, and give their paths; the same curves, the same bytes.

    Args:
        sketches: of the curves; a file is called after its curve.
        folder: made where it is missing; earlier figures of the same names are replaced.

    Raises:
        OSError: a file cannot be written, or would take the place of one that is no figure of ours.
    """
    files: dict[str, bytes] = {}
    names = distinct(one.curve.name for one in sketches)
    with rc_context(STYLE):
        for name, one in zip(names, sketches, strict=True):
            drawing = response(one)
            for _, figure in figures_of(drawing) if drawing else ():
                files |= rendered(figure, f"{name}-response")
    return outputs.write_figures(folder, files)
