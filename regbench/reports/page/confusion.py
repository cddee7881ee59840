"""The page's charts and table of classes: how often each is found, and what it is taken for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from regbench.analysis.report import Arm, Comparison, PerClass
from regbench.analysis.words import number
from regbench.errors import counted
from regbench.reports.page.style import (
    INK,
    TEMPLATE,
    Changes,
    Colours,
    literal,
    named,
    resizable,
    shortened,
    typeset,
)
from regbench.reports.page.tables import Cell, Table
from regbench.terminal.columns import folded

ACCURACY = "val/accuracy"
# small shares are told apart, and black text can be read on the largest
SCALE = [[0, "#ffffff"], [0.1, "#dcebf6"], [1, "#6aabd2"]]
LONGEST = 18  # signs of a name at an axis
SHORT = 3  # signs that fit below a column
FEW = 20  # so many classes have a number in each cell and a name each; of more, so many have one
ACROSS = 2  # matrices in a row, where there is room
BOTH = 900  # pixels of width that two matrices take at least
SIDE = 400  # pixels of a matrix, from top to bottom
LETTER = 7  # pixels
CELL = 20  # pixels that two digits take from left to right
UPRIGHT = 16  # pixels that an upright name takes from left to right
ABOVE, BETWEEN = 34, 46  # pixels over the first matrix for its title; for those of the next ones
SCALED = 56  # pixels of a scale of colours


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
    names = [_lines(arm.name) for arm, _ in arms]
    left = _left([line for lines in names for line in lines])
    height = max(30, 8 + 16 * max(map(len, names)))
    scale = SCALED if count > FEW else 0
    figure = go.Figure(_heat(values, texts, told))
    figure.update_layout(
        template=TEMPLATE,
        height=12 + scale + height * len(arms) + _room(classes),
        margin={"l": left, "r": 12, "t": 12 + scale, "b": _room(classes)},
        xaxis=_names(classes),
        yaxis={**named([]), "tickvals": list(range(len(arms))), "autorange": "reversed"}
        | {"ticktext": ["<br>".join(map(literal, lines)) for lines in names]},
        coloraxis=_colours(count > FEW, 6),
        meta={"least": left + 12 + _least(classes)},
    )
    return figure


def _lines(name: str) -> list[str]:
    """The name of an arm at an axis, on as many lines as it takes."""
    return folded(shortened(name), LONGEST, True).split("\n")


def _left(names: Sequence[str]) -> int:
    """Pixels that names take at the left of a matrix."""
    return 10 + LETTER * max(map(len, names))


def _least(classes: Sequence[str]) -> int:
    """Pixels from left to right in which the cells and the names below them can be read."""
    shown = _shown(classes)
    return CELL * len(classes) if len(classes) <= FEW else UPRIGHT * len(shown)


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
    figure = make_subplots(len(arms), 1)
    for place, (_, found) in enumerate(arms):
        values = [[_percent(share) for share in row] for row in found.confusion]
        told = [
            [f"{literal(one)} taken for {literal(other)}: {share:.1f} %" if share else "" for other, share in
             zip(classes, row, strict=True)]
            for one, row in zip(classes, values, strict=True)
        ]  # fmt: skip
        at = {"row": place + 1, "col": 1}
        texts = [["" if not value or value < 0.5 else f"{value:.0f}" for value in row] for row in values]
        figure.add_trace(_heat(values, texts, told), **at)
        figure.update_xaxes(_names(classes), **at)
        figure.update_yaxes({**_names(classes), "autorange": "reversed", "tickangle": 0}, **at)
    _arrange(figure, [arm.name for arm, _ in arms], classes)
    return figure


def _arrange(figure: go.Figure, names: Sequence[str], classes: Sequence[str]) -> None:
    """Matrices beside each other where there is room for two, below each other where there is not."""
    many = len(classes) > FEW
    left, above, below = _left(list(_shown(classes).values())), ABOVE + SCALED * many, 12 + _room(classes)
    wide, narrow = (_form(names, across, left, _room(classes)) for across in (min(ACROSS, len(names)), 1))
    heights = [
        above + _inner(-(-len(names) // across), _room(classes)) + below
        for across in (min(ACROSS, len(names)), 1)
    ]
    figure.update_layout(
        template=TEMPLATE,
        height=heights[0],
        margin={"l": left, "r": 12, "t": above, "b": below},
        coloraxis=_colours(many, ABOVE),
        meta={"least": left + 12 + _least(classes)},
        annotations=wide["annotations"],
    )
    for key, domain in wide.items():
        if key.endswith(".domain"):
            figure.layout[key.removesuffix(".domain")].domain = domain
    both = max(BOTH, ACROSS * (left + 36 + _least(classes)))
    resizable(figure, heights[0], heights[1], wide, narrow, both)


def _inner(rows: int, room: int) -> int:
    """Pixels from the top of the first matrix to the bottom of the last."""
    return rows * SIDE + (rows - 1) * (BETWEEN + room)


def _form(names: Sequence[str], across: int, left: int, room: int) -> Changes:
    """Where the matrices and their titles are, with so many in a row; as a relayout takes it."""
    inner = _inner(-(-len(names) // across), room)
    gap = (left + 24) / BOTH if across > 1 else 0.0  # the names of the second, and a little more
    width = (1 - gap * (across - 1)) / across
    changes: Changes = {"annotations": []}
    for place, name in enumerate(names):
        row, column = divmod(place, across)
        start, top = column * (width + gap), 1 - row * (SIDE + BETWEEN + room) / inner
        number = "" if place == 0 else str(place + 1)
        changes[f"xaxis{number}.domain"] = [start, start + width]
        changes[f"yaxis{number}.domain"] = [max(0.0, top - SIDE / inner), top]
        changes["annotations"].append(
            {
                "text": literal(name),
                "font": {"size": 13},
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
            }
            | {"x": start, "xanchor": "left", "xshift": 8 - left, "y": top, "yanchor": "bottom", "yshift": 4}
        )
    return changes


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


def _colours(shown: bool, over: int) -> Changes:
    """Colours of shares; their scale stands above where no cell has its number, so many pixels over it."""
    scale = {"title": {"text": "% of the rows", "side": "top"}, "thickness": 12, "outlinewidth": 0}
    place = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "ypad": over}
    return {
        "colorscale": SCALE,
        "cmin": 0,
        "cmax": 100,
        "showscale": shown,
        "colorbar": scale | place | {"lenmode": "pixels", "len": 160, "xpad": 0},
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
