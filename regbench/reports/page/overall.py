"""The chart of all differences at once, where arms are too many for a line each."""

from __future__ import annotations

import plotly.graph_objects as go

from regbench.analysis.report import Arm, Comparison
from regbench.analysis.words import factor
from regbench.reports.page.forest import LOOKS
from regbench.reports.page.paging import AT_ONCE
from regbench.reports.page.style import BASELINE, TEMPLATE, after_comma, literal, resizable, scaled, typeset
from regbench.reports.wording import effect, title, unit

HEIGHT = 380  # pixels


def overall(comparison: Comparison) -> go.Figure | None:
    """The differences to the baseline with their intervals, the best first; None where names have room."""
    metric = comparison.metric
    arms = [arm for arm in comparison.arms if arm.verdict and metric in arm.differences]
    if len(comparison.arms) <= AT_ONCE or not arms:
        return None
    place = {arm.name: number for number, arm in enumerate(arms, 1)}
    figure = go.Figure()
    for word, (colour, symbol) in LOOKS.items():
        some = [arm for arm in arms if arm.verdict and arm.verdict.word == word]
        if some:
            look = {"color": colour, "symbol": symbol, "size": 6}
            figure.add_trace(
                _points(some, metric, [place[arm.name] for arm in some], f"{word} ({len(some)})", look)
            )
    figure.add_hline(y=0, line={"color": BASELINE, "width": 1.5}, layer="below")
    figure.update_layout(
        template=TEMPLATE,
        height=HEIGHT + 21,
        xaxis={"title_text": "place of the arm in the table", "range": [0, len(arms) + 1]},
        yaxis={"title_text": f"difference in {literal(title(metric))}{after_comma(unit(metric, True))}"},
    )
    resizable(figure, HEIGHT)
    return figure


def _points(
    arms: list[Arm], metric: str, places: list[int], name: str, look: dict[str, object]
) -> go.Scatter:
    found = [arm.differences[metric] for arm in arms]
    times = factor(metric)
    return go.Scatter(
        x=places,
        y=scaled(metric, [d.mean for d in found]),
        mode="markers",
        name=name,
        marker=look,
        error_y={
            "array": [None if d.high is None else round((d.high - d.mean) * times, 6) for d in found],
            "arrayminus": [None if d.low is None else round((d.mean - d.low) * times, 6) for d in found],
            "thickness": 1,
            "width": 0,
            "color": look["color"],
        },
        hovertext=[
            f"{literal(arm.name)}: {typeset(effect(metric, d))}" for arm, d in zip(arms, found, strict=True)
        ],
        hoverinfo="text",
    )
