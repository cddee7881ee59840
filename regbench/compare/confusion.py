"""The page's charts and table of classes: how often each is found, and what it is taken for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from regbench.compare.paint import INK, TEMPLATE, Colours, literal, named, typeset
from regbench.compare.report import Arm, Comparison, PerClass
from regbench.compare.sortable import Cell, Table
from regbench.compare.wording import counted, number

ACCURACY = "val/accuracy"
# small shares are told apart, and black text can be read on the largest
SCALE = [[0, "#ffffff"], [0.1, "#dcebf6"], [1, "#6aabd2"]]
LONGEST = 18  # signs of a name at an axis
SHORT = 3  # signs that fit below a column
FEW = 20  # so many classes have a number in each cell and a name each; of more, so many have one
ACROSS = 2  # matrices in a row
SIDE = 400  # pixels of a matrix


def class_table(comparison: Comparison, palette: Colours) -> Table | None:
    """A row for each arm, a column for each class."""
    arms = [(arm, arm.per_class) for arm in comparison.arms if arm.per_class]
    if not arms:
        return None
    support = arms[0][1].support
    headings = [f"{name} ({rows})" for name, rows in zip(comparison.classes, support, strict=True)]
    return Table(
        [("accuracy of the val rows of a class, % (rows)", len(headings))],
        headings,
        [(arm.name, palette[arm.name], _cells(found)) for arm, found in arms],
    )


def _cells(found: PerClass) -> list[Cell]:
    return [
        Cell("\N{EN DASH}")
        if known is None
        else Cell(
            number(ACCURACY, known.mean),
            "" if known.sd is None else f"± {number(ACCURACY, known.sd)}",
            known.mean,
        )
        for known in found.accuracy
    ]


def per_class(comparison: Comparison) -> go.Figure | None:
    """How often each class is found, by each arm."""
    arms = [(arm, arm.per_class) for arm in comparison.arms if arm.per_class]
    if not arms:
        return None
    classes, count = comparison.classes, len(comparison.classes)
    values = [[_percent(known.mean if known else None) for known in found.accuracy] for _, found in arms]
    told = [[_told(arm, found, place, comparison) for place in range(count)] for arm, found in arms]
    texts = [["\N{EN DASH}" if value is None else f"{value:.0f}" for value in row] for row in values]
    figure = go.Figure(_heat(values, texts, told))
    figure.update_layout(
        template=TEMPLATE,
        height=max(180, 60 + 30 * len(arms) + _room(classes)),
        xaxis=_names(classes),
        yaxis={**named([(n, arm.name) for n, (arm, _) in enumerate(arms)]), "autorange": "reversed"},
        coloraxis=_colours(),
    )
    return figure


def _told(arm: Arm, found: PerClass, place: int, comparison: Comparison) -> str:
    """What is said of an arm and a class under the pointer."""
    name, known = literal(comparison.classes[place]), found.accuracy[place]
    if known is None:
        return f"{name}: no val rows"
    rows = counted(found.support[place], "row")
    words = f"{name}, {rows}: {literal(arm.name)} {number(ACCURACY, known.mean)} %"
    base = next((one.per_class for one in comparison.arms if one.name == comparison.baseline), None)
    other = base.accuracy[place] if base and arm.name != comparison.baseline else None
    if other is None:
        return words
    apart = typeset(number(ACCURACY, known.mean - other.mean, True))
    return f"{words}, {apart} points to {literal(str(comparison.baseline))}"


def confusion(comparison: Comparison) -> go.Figure | None:
    """A matrix for each arm: of the rows of each class the share that is taken for each."""
    arms = [(arm, arm.per_class) for arm in comparison.arms if arm.per_class]
    if not arms:
        return None
    classes = comparison.classes
    rows = math.ceil(len(arms) / ACROSS)
    below = 40 + _room(classes)  # and the title of the next
    height = 60 + rows * (SIDE + below)
    figure = make_subplots(
        rows,
        ACROSS,
        subplot_titles=[literal(arm.name) for arm, _ in arms],
        horizontal_spacing=0.16,
        vertical_spacing=below / (height - 60) if rows > 1 else 0,
    )
    for place, (_, found) in enumerate(arms):
        values = [[_percent(share) for share in row] for row in found.confusion]
        told = [
            [f"{literal(one)} taken for {literal(other)}: {share:.1f} %" if share else "" for other, share in
             zip(classes, row, strict=True)]
            for one, row in zip(classes, values, strict=True)
        ]  # fmt: skip
        at = {"row": place // ACROSS + 1, "col": place % ACROSS + 1}
        texts = [["" if not value or value < 0.5 else f"{value:.0f}" for value in row] for row in values]
        figure.add_trace(_heat(values, texts, told), **at)
        figure.update_xaxes(_names(classes), **at)
        figure.update_yaxes({**_names(classes), "autorange": "reversed", "tickangle": 0}, **at)
    margin = {"t": 30, "b": 30 + _room(classes)}
    figure.update_layout(template=TEMPLATE, height=height, margin=margin, coloraxis=_colours())
    return figure


def _heat(
    values: Sequence[Sequence[float | None]], texts: list[list[str]], told: list[list[str]]
) -> go.Heatmap:
    """Shares in percent, with their numbers where there is room."""
    few = len(values[0]) <= FEW
    return go.Heatmap(
        x=list(range(len(values[0]))),
        y=list(range(len(values))),
        z=values,
        text=texts if few else None,
        texttemplate="%{text}" if few else None,
        textfont={"color": INK},
        coloraxis="coloraxis",
        xgap=1 if few else 0,
        ygap=1 if few else 0,
        hovertext=told,
        hoverinfo="text",
        hoverongaps=False,
    )


def _colours() -> dict[str, object]:
    return {
        "colorscale": SCALE,
        "cmin": 0,
        "cmax": 100,
        "colorbar": {"title": {"text": "% of the<br>rows"}, "thickness": 14, "outlinewidth": 0}
        | {"lenmode": "pixels", "len": 130, "y": 1, "yanchor": "top"},
    }


def _shown(classes: Sequence[str]) -> dict[int, str]:
    """The names that stand at an axis, by their places: all of few classes, evenly spaced ones of many."""
    places = range(0, len(classes), math.ceil(len(classes) / FEW))
    return {place: _shortened(classes[place]) for place in places}


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 6]}\N{HORIZONTAL ELLIPSIS}{name[-5:]}"


def _names(classes: Sequence[str]) -> dict[str, object]:
    """An axis of classes; longer names stand upright below it."""
    shown = _shown(classes)
    return {**named(list(shown.items())), "tickangle": -90 if _longest(classes) > SHORT else 0}


def _room(classes: Sequence[str]) -> int:
    """Pixels that the names take below a matrix."""
    return 30 + (8 * _longest(classes) if _longest(classes) > SHORT else 0)


def _longest(classes: Sequence[str]) -> int:
    return max(map(len, _shown(classes).values()))


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 2)
