"""What was found of each class, to be looked at: a confusion matrix as a picture, accuracies as a table."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from regbench.records.summary import ClassMetrics

NUMBERED, NAMED = 20, 200  # up to so many classes a cell has its number, an axis its names
LONGEST = 24  # signs of a name
DOTS = 100  # an inch


def confusion_picture(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Tensor:
    """A heat map as (1, 3, H, W) in [0, 1]: of the rows of each class the share that is taken for each.

    Args:
        confusion: (C, C) counts, a row for each class of the labels.
        classes: C names.
    """
    from matplotlib import rc_context  # half a second that a run without it must not pay
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = np.asarray(confusion, dtype=float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few, size = len(classes) <= NUMBERED, len(classes) * 0.5
    side = 2.5 + (size if few else min(0.14 * len(classes), 12.0))
    with rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of signs that the font lacks
        figure = Figure(figsize=(side, side), dpi=DOTS, layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set(xlabel="taken for", ylabel="class", title="share of the rows of a class, %")
        if len(classes) <= NAMED:
            names = [_shortened(name) for name in classes]
            points = 9 if few else 6
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=points)
            axes.set_yticks(range(len(names)), names, fontsize=points)
        if few:
            for (row, column), share in np.ndenumerate(shares):
                if counts[row, column]:
                    ink = "white" if share > 0.5 else "black"
                    text = axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center")
                    text.set(fontsize=8, color=ink)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).unsqueeze(0).float() / 255


def class_table(found: ClassMetrics, classes: Sequence[str]) -> str:
    """Accuracy and rows of each class as a Markdown table."""
    lines = ["| class | accuracy | rows |", "| --- | ---: | ---: |"]
    for name, accuracy, rows in zip(classes, found.accuracy, found.support, strict=True):
        shown = "" if accuracy is None else f"{accuracy:.4f}"
        lines.append(f"| {_plain(name)} | {shown} | {rows} |")
    return "\n".join(lines)


def _shortened(name: str) -> str:
    text = " ".join(name.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _plain(name: str) -> str:
    """A name in a cell of a table: no sign of it ends the cell or means anything to Markdown or HTML."""
    text = "".join(f"\\{sign}" if sign in "\\`*_{}[]#|~" else sign for sign in " ".join(name.split()))
    return text.replace("&", "&amp;").replace("<", "&lt;")
