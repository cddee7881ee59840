"""What the page's charts have in common: colours, signs, type, and text that plotly takes literally."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from regbench.analysis.report import Report
from regbench.analysis.words import factor
from regbench.reports.wording import unit

INK, GREY, FAINT = "#222222", "#999999", "#e6e6e6"
BASELINE = "#555555"
GOOD, BAD, OPEN = "#0072B2", "#D55E00", "#888888"  # of verdicts
# Okabe and Ito without black and yellow, which does not show on white; then some of Tol's
PALETTE = (
    "#E69F00",
    "#0072B2",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#332288",
    "#999933",
    "#882255",
    "#44AA99",
    "#AA7744",
)
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star", "pentagon")
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
AXIS = {
    "gridcolor": FAINT,
    "zerolinecolor": FAINT,
    "tickcolor": GREY,
    "ticks": "outside",
    "automargin": True,
    "title": {"font": {"size": 13}, "standoff": 8},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12.5, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": AXIS,
        "yaxis": AXIS,
        "hoverlabel": {"namelength": -1, "bgcolor": "white", "font": {"color": INK}},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "maxheight": 4000,
        },
        "margin": {"l": 56, "r": 12, "t": 12, "b": 48},
    }
)
# between two $ plotly looks for TeX, and behind a % in the name of a line for a field
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%": "&#37;"}
LONGEST = 36  # letters of a name in a chart; the tables have all of it
LEGEND = 1000  # pixels that the names of a legend share, about
Colours = Mapping[str, str]
Changes = dict[str, Any]  # of a layout, as a relayout takes them


def literal(text: str) -> str:
    """A text that plotly, which reads some HTML everywhere, shows as it is; a long one loses its middle."""
    text = shortened(text)
    for sign, entity in ENTITIES.items():
        text = text.replace(sign, entity)
    return text


def shortened(text: str) -> str:
    """A text of at most `LONGEST` letters; a longer one loses its middle."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 13]}…{text[-12:]}"


def typeset(text: str) -> str:
    """A text with real minus signs: before a number that stands at its start, after a space or a bracket."""
    return re.sub(r"(?<![^\s\[(>])-(?=\d)", "\N{MINUS SIGN}", text)


def after_comma(unit: str) -> str:
    """A unit as it ends a heading, `, points`; nothing for none."""
    return f", {unit}" if unit else ""


def scaled(figure: str, values: Iterable[float]) -> list[float]:
    """Values of a figure as they are shown, with two digits more than anyone reads."""
    decimals = 4 if unit(figure) == "%" else 6
    return [round(value * factor(figure), decimals) for value in values]


def faded(colour: str, opacity: float) -> str:
    """A colour such as `#0072B2` that lets others through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def colours(report: Report) -> list[dict[str, str]]:
    """The colour of each arm of each comparison; of a name the same throughout, where there are enough."""
    names = [
        list(dict.fromkeys(arm.name for arm in one.arms if arm.name != one.baseline))
        for one in report.comparisons
    ]
    everyone = list(dict.fromkeys(name for several in names for name in several))
    if len(everyone) <= len(PALETTE):
        names = [everyone] * len(names)
    return [
        {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(several)}
        | ({one.baseline: BASELINE} if one.baseline is not None else {})
        for several, one in zip(names, report.comparisons, strict=True)
    ]


def legend_height(names: Sequence[str], width: int = LEGEND) -> int:
    """Pixels that a legend with these names takes."""
    entry = 50 + 7.5 * max((min(len(name), LONGEST) for name in names), default=0)
    return 21 * -(-len(names) // max(1, int(width // entry)))


def resizable(
    figure: go.Figure,
    body: int,
    lower: int = 0,
    wide: Changes | None = None,
    narrow: Changes | None = None,
    below: int | None = None,
) -> None:
    """Tell the page's script how high a chart is, and what to change where it is narrow and where it is wide.

    Args:
        figure: its meta is added to.
        body: pixels of the chart's height that are not the legend's, which takes what it needs.
        lower: the same of the narrow form.
        wide: as a relayout takes it, undoing what narrow does.
        narrow: what makes the figure fit in a narrow place; None where it is the same.
        below: pixels of width below which a place is narrow; None: as many as for other charts.
    """
    meta = {"body": body} | ({"lower": lower, "wide": wide, "narrow": narrow} if narrow else {})
    meta |= {"below": below} if below else {}
    figure.layout.meta = (figure.layout.meta or {}) | meta


def above_row(place: int, *lines: str) -> Changes:
    """A name and figures that stand over what is drawn of them."""
    look = {"xanchor": "left", "yanchor": "bottom", "yshift": 7, "align": "left", "showarrow": False}
    return {"text": "<br>".join(lines), "xref": "paper", "x": 0, "y": place, **look}


def in_pixels(text: str) -> int:
    """The width of a text in the font of the charts, and a little more."""
    return round(7.5 * len(text)) + 12


def whole_step(span: float) -> int:
    """The least of 1, 2, 5, 10, 20, ... that makes six ticks or fewer on an axis of whole numbers."""
    power = 1
    while 60 * power < span:
        power *= 10
    return next(digit * power for digit in (1, 2, 5, 10) if 6 * digit * power >= span)


def named(places: Sequence[tuple[float, str]]) -> dict[str, Any]:
    """An axis whose ticks are names, at numbers: plotly takes a name such as 2026-11-23 for a date."""
    return {
        "tickmode": "array",
        "tickvals": [place for place, _ in places],
        "ticktext": [literal(name) for _, name in places],
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
    }
