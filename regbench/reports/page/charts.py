"""The charts of the page as plotly figures, one function each; None where there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go

from regbench.analysis.report import Arm, Comparison, Difference, Interaction
from regbench.analysis.words import number, probability
from regbench.records.metrics import smaller_is_better
from regbench.reports.page.confusion import confusion, per_class
from regbench.reports.page.curves import curves
from regbench.reports.page.forest import forest
from regbench.reports.page.overall import overall
from regbench.reports.page.style import (
    GREY,
    SYMBOLS,
    TEMPLATE,
    Colours,
    above_row,
    in_pixels,
    legend_height,
    literal,
    named,
    resizable,
    scaled,
    typeset,
)
from regbench.reports.wording import effect, interval, unit

HALF = 420  # pixels of a legend in a chart of half the page's width
SQUARE = 380  # pixels of the height of such a chart, its legend aside
CELL = 76  # pixels of the height of a cell of the heat map
NEGATIVE, POSITIVE = "#e8a37c", "#7db4d8"  # light enough for text to be read on them


def prices(comparison: Comparison) -> dict[str, float]:
    """What each arm costs: seconds as multiples of the baseline's; absolute where there is no baseline."""
    arms = [arm for arm in comparison.arms if "val/accuracy" in arm.figures]
    if comparison.baseline is not None:
        return {arm.name: arm.cost["seconds"] for arm in arms if "seconds" in arm.cost}
    return {arm.name: arm.figures["seconds"].mean for arm in arms if "seconds" in arm.figures}


def frontier(comparison: Comparison) -> list[str]:
    """The arms, the cheapest first, than which no other is both cheaper and better on the mean."""
    costs = prices(comparison)
    accuracy = {arm.name: arm.figures["val/accuracy"].mean for arm in comparison.arms if arm.name in costs}
    kept: list[str] = []
    for name in sorted(costs, key=lambda name: (costs[name], -accuracy[name], name)):
        if not kept or accuracy[name] > accuracy[kept[-1]]:
            kept.append(name)
    return kept


def cost(comparison: Comparison, colours: Colours, whole: Comparison | None = None) -> go.Figure | None:
    """Validation accuracy against seconds, with the frontier as a step line.

    Args:
        comparison: with the arms that are drawn.
        colours: of each.
        whole: with all arms, of which the frontier is, the others in grey; None: all are drawn.
    """
    whole = whole or comparison
    costs, best = prices(whole), frontier(whole)
    arms = {arm.name: arm for arm in comparison.arms if arm.name in costs}
    if not arms:
        return None
    everyone = {arm.name: arm for arm in whole.arms if arm.name in costs}
    means = [everyone[name].figures["val/accuracy"].mean for name in best]
    figure = go.Figure(_guide([costs[name] for name in best], scaled("val/accuracy", means), "frontier"))
    figure.update_traces(line_shape="hv")
    others = [arm for name, arm in everyone.items() if name not in arms]
    if others:
        figure.add_trace(_others(others, costs))
    base = None if comparison.baseline is None else literal(comparison.baseline)
    for place, arm in enumerate(arms.values()):
        told = f"{costs[arm.name]:.2f} times {base}'s" if base is not None else f"{costs[arm.name]:.3g} s"
        look = {"color": colours[arm.name], "symbol": SYMBOLS[place % len(SYMBOLS)], "size": 11}
        figure.add_trace(_priced(arm, costs[arm.name], told, look))
    what = "seconds" if base is None else f"multiples of {base}'s"
    figure.update_layout(
        template=TEMPLATE,
        height=_beside(comparison),
        xaxis_title_text=f"time, {what}",
        yaxis_title_text="val accuracy, %",
    )
    resizable(figure, SQUARE)
    return figure


def _priced(arm: Arm, price: float, told: str, look: Mapping[str, object]) -> go.Scatter:
    spread = arm.figures["val/accuracy"]
    return go.Scatter(
        x=[price],
        y=scaled("val/accuracy", [spread.mean]),
        error_y={"array": scaled("val/accuracy", [spread.sd]), "thickness": 1, "width": 3}
        if spread.sd
        else None,
        mode="markers",
        marker=look,
        name=literal(arm.name),
        hovertext=f"{literal(arm.name)}: {number('val/accuracy', spread.mean)} %, time {told}",
        hoverinfo="text",
    )


def _others(arms: Sequence[Arm], costs: Mapping[str, float]) -> go.Scatter:
    """Arms that are drawn so that the others can be seen among them."""
    means = [arm.figures["val/accuracy"].mean for arm in arms]
    return go.Scatter(
        x=[costs[arm.name] for arm in arms],
        y=scaled("val/accuracy", means),
        mode="markers",
        marker={"color": "#cccccc", "size": 5},
        name="other arms",
        hovertext=[
            f"{literal(a.name)}: {number('val/accuracy', m)} %" for a, m in zip(arms, means, strict=True)
        ],
        hoverinfo="text",
    )


def _guide(x: Sequence[float], y: Sequence[float], name: str) -> go.Scatter:
    """A grey dotted line by which others are read."""
    line = {"color": GREY, "width": 1.5, "dash": "dot"}
    return go.Scatter(x=x, y=y, mode="lines", line=line, name=name, hoverinfo="skip")


def _beside(comparison: Comparison) -> int:
    """The height of a chart of half the page's width."""
    return SQUARE + legend_height(["", *(arm.name for arm in comparison.arms)], HALF)


def calibration(comparison: Comparison, colours: Colours) -> go.Figure | None:
    """The reliability diagram; where no run has its bins, the expected calibration errors as bars."""
    arms = [arm for arm in comparison.arms if arm.reliability]
    if not arms:
        return _errors(comparison, colours)
    figure = go.Figure(_guide([0, 100], [0, 100], "perfect"))
    for place, arm in enumerate(arms):
        figure.add_trace(_reliability(arm, colours[arm.name], SYMBOLS[place % len(SYMBOLS)]))
    figure.update_layout(
        template=TEMPLATE,
        height=_beside(comparison),
        xaxis={"title_text": "confidence, %", "range": [-3, 103]},
        yaxis={"title_text": "accuracy of the rows in the bin, %", "range": [-3, 103]},
    )
    resizable(figure, SQUARE)
    return figure


def _reliability(arm: Arm, colour: str, symbol: str) -> go.Scatter:
    found = arm.reliability or {}
    columns = (found["confidence"], found["accuracy"], found["share"])
    bins = [
        (100 * confidence, 100 * accuracy, 100 * (share or 0.0))
        for confidence, accuracy, share in zip(*columns, strict=True)
        if confidence is not None and accuracy is not None
    ]
    return go.Scatter(
        x=[round(confidence, 4) for confidence, _, _ in bins],
        y=[round(accuracy, 4) for _, accuracy, _ in bins],
        mode="lines+markers",
        line={"color": colour, "width": 1.5},
        marker={"symbol": symbol, "size": [round(4 + 1.4 * share**0.5, 2) for _, _, share in bins]},
        name=literal(arm.name),
        hovertext=[
            f"{literal(arm.name)}: confidence {sure:.1f} %, accuracy {right:.1f} %, {share:.1f} % of the rows"
            for sure, right, share in bins
        ],
        hoverinfo="text",
    )


def _errors(comparison: Comparison, colours: Colours) -> go.Figure | None:
    arms = [arm for arm in comparison.arms if "val/ece" in arm.figures]
    if not arms:
        return None
    spreads = [arm.figures["val/ece"] for arm in arms]
    places = [len(arms) - place for place in range(len(arms))]
    bars = go.Bar(
        x=scaled("val/ece", [spread.mean for spread in spreads]),
        y=places,
        orientation="h",
        width=0.6,
        marker={"color": [colours[arm.name] for arm in arms]},
        error_x={"array": [100 * spread.sd if spread.sd else None for spread in spreads], "thickness": 1},
        hovertext=[
            f"{literal(arm.name)}: {number('val/ece', spread.mean)} %"
            for arm, spread in zip(arms, spreads, strict=True)
        ],
        hoverinfo="text",
    )
    figure = go.Figure(bars)
    body = 90 + 32 * len(arms)
    figure.update_layout(
        template=TEMPLATE,
        height=body,
        xaxis={"title_text": "expected calibration error on val, %", "rangemode": "tozero"},
        yaxis=named([(place, arm.name) for place, arm in zip(places, arms, strict=True)]),
    )
    above = [
        above_row(place, literal(arm.name)) | {"yshift": 12} for place, arm in zip(places, arms, strict=True)
    ]
    resizable(
        figure,
        body,
        90 + 50 * len(arms),
        {"annotations": [], "yaxis.showticklabels": True},
        {"annotations": above, "yaxis.showticklabels": False, "yaxis.range": [0.5, len(arms) + 0.9]},
    )
    return figure


def interactions(comparison: Comparison) -> go.Figure | None:
    """What pairs of members do beyond the sum of each alone; on the diagonal each alone."""
    if not comparison.interactions:
        return None
    metric = comparison.metric
    names = list(dict.fromkeys(name for one in comparison.interactions for name in one.members))
    place = {name: number for number, name in enumerate(names)}
    cells = _cells(comparison.interactions, place)
    figure = go.Figure(_heat(cells, len(names), metric))
    for (row, column), one in cells.items():
        words = _words(one.verdict.word, one.interaction, metric)
        figure.add_annotation(x=column, y=row, text=words, showarrow=False)
    for name, alone in _alone(comparison.interactions).items():
        at = place[name]
        figure.add_shape(
            type="rect", x0=at - 0.49, x1=at + 0.49, y0=at - 0.48, y1=at + 0.48, layer="below",
            fillcolor="#f3f3f3", line_width=0,
        )  # fmt: skip
        figure.add_annotation(x=at, y=at, text=_words("alone", alone, metric), showarrow=False)
    ticks = named([(number, name) for name, number in place.items()])
    figure.update_layout(
        template=TEMPLATE,
        height=80 + CELL * len(names),
        meta={"least": _least_width(figure, names)},
        xaxis={**ticks, "range": [-0.5, len(names) - 0.5]},
        yaxis={**ticks, "range": [len(names) - 0.5, -0.5]},
    )
    return figure


def _least_width(figure: go.Figure, names: Sequence[str]) -> int:
    """Pixels in which the texts in the cells have room, the names at the left and the scale at the right."""
    lines = [line for one in figure.layout.annotations for line in one.text.split("<br>")]
    longest = max(map(in_pixels, (literal(name) for name in names)))
    return longest + 110 + len(names) * max(longest, *map(in_pixels, lines))


def _heat(cells: Mapping[tuple[int, int], Interaction], size: int, metric: str) -> go.Heatmap:
    """The colours: blue where both do more good together than each alone adds up to."""
    values: list[list[float | None]] = [[None] * size for _ in range(size)]
    told = [[""] * size for _ in range(size)]
    for (row, column), one in cells.items():
        values[row][column] = scaled(metric, [one.interaction.mean])[0]
        told[row][column] = _told(one, metric)
    ends = (POSITIVE, NEGATIVE) if smaller_is_better(metric) else (NEGATIVE, POSITIVE)
    most = max(abs(value) for line in values for value in line if value is not None) or 1.0
    measure = unit(metric, True)
    return go.Heatmap(
        x=list(range(size)),
        y=list(range(size)),
        z=values,
        zmin=-most,
        zmax=most,
        colorscale=[[0, ends[0]], [0.5, "#ffffff"], [1, ends[1]]],
        xgap=2,
        ygap=2,
        hovertext=told,
        hoverinfo="text",
        hoverongaps=False,
        colorbar={
            "title": {"text": f"interaction{'<br>' + measure if measure else ''}", "font": {"size": 12.5}},
            "thickness": 14,
            "outlinewidth": 0,
        },
    )


def _cells(found: Sequence[Interaction], place: Mapping[str, int]) -> dict[tuple[int, int], Interaction]:
    """Where each stands: below the diagonal; of a pair that was run in both orders one above it."""
    cells: dict[tuple[int, int], Interaction] = {}
    for one in found:
        low, high = sorted(place[name] for name in one.members)
        cells[(low, high) if (high, low) in cells else (high, low)] = one
    return cells


def _alone(found: Sequence[Interaction]) -> dict[str, Difference]:
    """The difference of each member alone; of the most seeds, where pairs share different ones."""
    alone: dict[str, Difference] = {}
    for one in found:
        for name, known in zip(one.members, (one.first, one.second), strict=True):
            if name not in alone or known.n > alone[name].n:
                alone[name] = known
    return alone


def _words(word: str, known: Difference, metric: str) -> str:
    return typeset(f"{word}<br><b>{number(metric, known.mean, True)}</b><br>{interval(metric, known)}")


def _told(one: Interaction, metric: str) -> str:
    first, second = map(literal, one.members)
    p = probability(one.verdict.p_adjusted).replace("<", "&lt;")
    effects = [typeset(effect(metric, d)) for d in (one.interaction, one.together, one.first, one.second)]
    return (
        f"{first}, then {second}: {one.verdict.word}"
        f"<br>interaction {effects[0]}, adjusted p {p}"
        f"<br>together {effects[1]}<br>{first} alone {effects[2]}<br>{second} alone {effects[3]}"
    )


# Each is given the comparison with the arms to draw, their colours, and the comparison with all arms.
BY_ARMS: dict[str, Callable[[Comparison, Colours, Comparison], go.Figure | None]] = {
    "curves": curves,
    "forest": lambda comparison, _, whole: forest(comparison, whole),
    "cost": cost,
    "calibration": lambda comparison, colours, _: calibration(comparison, colours),
    "per_class": lambda comparison, *_: per_class(comparison),
    "confusion": lambda comparison, *_: confusion(comparison),
}
OF_ALL: dict[str, Callable[[Comparison], go.Figure | None]] = {
    "overall": overall,
    "interactions": interactions,
}
