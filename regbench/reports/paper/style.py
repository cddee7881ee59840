"""Paper to draw on: sizes and fonts of a journal, panels, labels that fit, and files."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from regbench.folders.outputs import MAKER

COLUMN, PAGE = 3.3, 6.9  # inches
FONT = "DejaVu Sans"  # comes with matplotlib
LEGEND = 7  # points
STYLE: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": LEGEND,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "regbench",
    "text.parse_math": False,  # a name with $ or a backslash is shown as it is
    "axes.formatter.use_mathtext": False,
    "axes.formatter.useoffset": False,
}
FORMATS: dict[str, dict[str, Any]] = {  # nothing that changes from call to call
    "pdf": {"metadata": {"Creator": MAKER, "CreationDate": None}},
    "svg": {"metadata": {"Creator": MAKER, "Date": None}},
    "png": {"metadata": {"Software": MAKER}, "dpi": 300},
}
MARKERS = {  # by the names of the palette
    "circle": "o", "square": "s", "triangle-up": "^", "diamond": "D", "triangle-down": "v", "cross": "P",
    "x": "X", "star": "*", "pentagon": "p",
}  # fmt: skip
ACROSS = (3, 4, 5)  # panels in a row: what leaves the fewest gaps
MANY = 12  # panels; more stand in the longest rows, as large ones would not fit on a page
ELLIPSIS = "\u2026"


def fitting(names: Sequence[str], longest: float = 36) -> list[str]:
    """Names that fit beside an axis, all different; of a long one the middle is left out."""
    labels: list[str] = []
    for name in names:
        text = "".join(sign if _has_glyph(sign) else f"\\u{ord(sign):04x}" for sign in name)
        text = text if length(text) <= longest else _shortened(text, longest)
        label, count = text, 1
        while label in labels:
            count += 1
            label = f"{text} ({count})"
        labels.append(label)
    return labels


def _shortened(text: str, longest: float) -> str:
    shown = (f"{text[:half]}{ELLIPSIS}{text[-half:]}" for half in range(int(longest), 0, -1))
    return next(label for label in shown if length(label) <= longest)


def _font() -> FT2Font:
    return get_font(findfont(FontProperties(family=FONT)))


def _has_glyph(sign: str) -> bool:
    return _font().get_char_index(ord(sign)) != 0


@cache
def length(text: str) -> float:
    """The width of a text in average signs, which are 0.6 of the font's size wide."""
    font = _font()
    font.set_size(10, 72)
    font.set_text(text)
    return font.get_width_height()[0] / 64 / 6


def broken(label: str, width: float) -> str:
    """A label on as many lines as it needs, broken after a space, + or _ where that will do."""
    lines = [""]
    for word in re.findall(r"[^ +_]*[ +_]|[^ +_]+", label):
        if lines[-1] and length(lines[-1] + word.rstrip()) > width:
            lines.append("")
        while length(word.rstrip()) > width:
            cut = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or length(word[:n]) <= width)
            lines[-1], word = word[:cut], word[cut:]
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def one_panel(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one panel, of this width and height in inches."""
    figure = _sheet(width, height)
    return figure, figure.add_subplot()


def _sheet(width: float, height: float) -> Figure:
    """A figure that is drawn without any window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels_across(count: int, height: float | None = None, apart: bool = False) -> tuple[Figure, list[Axes]]:
    """Panels across a page that share their axes, each so many inches high, or square.

    Args:
        count: of the panels.
        height: in inches; None: square.
        apart: whether each has an x axis of its own.
    """
    ways = ACROSS if count <= MANY else ACROSS[-1:]
    across = count if count < min(ACROSS) else min(ways, key=lambda n: (-count % n, -n))
    rows = math.ceil(count / across)
    figure = _sheet(PAGE, rows * (height or PAGE / across + 0.1) + 0.3)
    axes = list(figure.subplots(rows, across, sharex=not apart, sharey=True, squeeze=False).flat)
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def panels_below(width: float, heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Panels one below the other that share the x axis, each so many inches high."""
    figure = _sheet(width, sum(heights) + 0.6)
    grid = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=list(heights))
    return figure, list(grid.flat)


def rendered(figure: Figure, name: str) -> dict[str, bytes]:
    """A figure in every format, by the file's name; the same figure gives the same bytes."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # once is enough for all formats
    files = {}
    for ending, options in FORMATS.items():
        content = io.BytesIO()
        figure.savefig(content, format=ending, **options)
        files[f"{name}.{ending}"] = content.getvalue()
    return files


def label_below(panels: Sequence[Axes], text: str) -> None:
    """Name the x axis under the lowest panel of each column."""
    columns = {panel.get_subplotspec().colspan.start: panel for panel in panels}  # type: ignore[union-attr]
    for panel in columns.values():
        panel.tick_params(labelbottom=True)
        panel.set_xlabel(text)


def add_legend(figure: Figure, handles: Sequence[Line2D | Patch], labels: Sequence[str]) -> Legend:
    """A legend below the panels, which makes room for it; as many columns as its longest label allows."""
    widest = max(map(length, labels)) * 0.6 * LEGEND / 72
    columns = int((figure.get_figwidth() - 0.1) / (widest + 0.5))
    columns = max(1, min(len(labels), columns))
    figure.set_figheight(figure.get_figheight() + 0.1 + 0.15 * math.ceil(len(labels) / columns))
    legend = figure.legend(
        handles,
        ["?"] * len(labels),
        loc="outside lower center",
        ncols=columns,
        handlelength=2.0,
        handletextpad=0.6,
        columnspacing=1.2,
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_text(label)  # here one that begins with _ counts like any other
    return legend
