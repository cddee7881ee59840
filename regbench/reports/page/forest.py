"""The forest plot of the page: the differences to the baseline with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from regbench.analysis.report import Arm, Comparison
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.analysis.words import factor, number
from regbench.records.metrics import smaller_is_better
from regbench.reports.page.style import (
    BAD,
    BASELINE,
    GOOD,
    OPEN,
    TEMPLATE,
    Changes,
    above_row,
    after_comma,
    in_pixels,
    literal,
    named,
    resizable,
    scaled,
    typeset,
)
from regbench.reports.wording import effect, interval, title, unit

LOOKS = {"better": (GOOD, "circle"), NOT_RESOLVED: (OPEN, "circle-open"), "worse": (BAD, "square")}
ROW = 66  # pixels of a row with its name and figures over it
LEFT = 56  # pixels at the left, where names do not need more


def forest(comparison: Comparison, whole: Comparison | None = None) -> go.Figure | None:
    """The differences to the baseline with their intervals, coloured by verdict, the best on top.

    Args:
        comparison: with the arms that are drawn.
        whole: with all arms, by which the axis is; None: all are drawn.
    """
    metric = comparison.metric
    arms = [arm for arm in comparison.arms if arm.verdict and metric in arm.differences]
    if not arms:
        return None
    everyone = [arm for arm in (whole or comparison).arms if arm.verdict and metric in arm.differences]
    height = {arm.name: len(arms) - place for place, arm in enumerate(arms)}
    figure = go.Figure()
    for word, (colour, symbol) in LOOKS.items():
        some = [arm for arm in arms if arm.verdict and arm.verdict.word == word]
        if some:
            figure.add_trace(_differences(some, metric, height, word, colour, symbol))
    error = comparison.sampling_error if metric == "val/accuracy" else None
    if error:
        figure.add_vrect(
            x0=-100 * error, x1=100 * error, fillcolor="#efefef", line_width=0, layer="below",
            showlegend=True, name=f"sampling error of the split, ± {number(metric, error)} points",
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": BASELINE, "width": 1.5}, layer="below")
    told = {arm.name: _told_beside(arm, metric) for arm in arms}
    beside = [_beside_row(height[name], text) for name, text in told.items()]
    above = [above_row(height[name], f"<b>{literal(name)}</b>", text) for name, text in told.items()]
    better = "left" if smaller_is_better(metric) else "right"
    what = f"difference in {literal(title(metric))}"
    against = f"to {literal(str(comparison.baseline))}{after_comma(unit(metric, True))}"
    heading = f"{what} {against} ({better} is better)"
    right = max(map(in_pixels, told.values()))
    body = 90 + 34 * len(arms)
    figure.update_layout(
        template=TEMPLATE,
        height=body + 21,
        margin_r=right,
        annotations=beside,
        legend_y=1,
        xaxis={"title_text": heading, "range": _extent(everyone, metric, error)},
        yaxis={
            **named([(height[arm.name], arm.name) for arm in arms]),
            "range": [0.4, len(arms) + 0.6],
        },
    )
    resizable(
        figure,
        body,
        130 + ROW * len(arms),
        _form(beside, True, right, heading, [0.4, len(arms) + 0.6]),
        _form(above, False, 12, f"{what}<br>{against}<br>({better} is better)", [0.6, len(arms) + 0.9]),
    )
    return figure


def _told_beside(arm: Arm, metric: str) -> str:
    known = arm.differences[metric]
    return typeset(f"{number(metric, known.mean, True)} {interval(metric, known)}".rstrip())


def _beside_row(place: int, text: str) -> Changes:
    return {"text": text, "xref": "paper", "x": 1.01, "xanchor": "left", "y": place, "showarrow": False}


def _form(above: list[Changes], names: bool, right: int, heading: str, rows: list[float]) -> Changes:
    """Rows with names and figures at their sides, or over them."""
    return {
        "annotations": above,
        "yaxis.showticklabels": names,
        "yaxis.range": rows,
        "margin.l": LEFT if names else 12,
        "margin.r": right,
        "xaxis.title.text": heading,
    }


def _extent(arms: Sequence[Arm], metric: str, error: float | None) -> list[float]:
    """A range with zero, all means and intervals, and the band if it is not much wider than these."""
    found = [arm.differences[metric] for arm in arms]
    values = [0.0, *(value for d in found for value in (d.mean, d.low, d.high) if value is not None)]
    low, high = min(values), max(values)
    if error:
        most = 1.2 * max(high, -low)
        low, high = min(low, max(-error, -most)), max(high, min(error, most))
    room = 0.06 * (high - low) or 0.01
    return scaled(metric, [low - room, high + room])


def _differences(
    arms: Sequence[Arm], metric: str, height: Mapping[str, int], word: str, colour: str, symbol: str
) -> go.Scatter:
    found = [arm.differences[metric] for arm in arms]
    times = factor(metric)
    return go.Scatter(
        x=scaled(metric, [d.mean for d in found]),
        y=[height[arm.name] for arm in arms],
        mode="markers",
        name=word,
        marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": colour}},
        error_x={
            "array": [None if d.high is None else (d.high - d.mean) * times for d in found],
            "arrayminus": [None if d.low is None else (d.mean - d.low) * times for d in found],
            "thickness": 2,
            "width": 5,
            "color": colour,
        },
        hovertext=[
            f"{literal(arm.name)}: {typeset(effect(metric, d))}" for arm, d in zip(arms, found, strict=True)
        ],
        hoverinfo="text",
    )
