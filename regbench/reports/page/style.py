"""What the page's charts have in common: type, and text that plotly takes literally."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from regbench.reports.drawings.marks import Ticks
from regbench.reports.drawings.palette import FAINT, GREY, INK, Look
from regbench.reports.wording import LONGEST, shortened

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
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%{": "&#37;{"}
LEGEND = 1000  # pixels that the names of a legend share, about
Changes = dict[str, Any]  # of a layout, as a relayout takes them


def literal(text: str) -> str:
    """A text that plotly, which reads some HTML everywhere, shows as it is, on its lines."""
    for sign, entity in ENTITIES.items():
        text = text.replace(sign, entity)
    return text.replace("\n", "<br>")


def literal_name(text: str) -> str:
    """The same of a name, which loses its middle where it is long."""
    return literal(shortened(text))


def after_comma(unit: str) -> str:
    """A unit as it ends a heading, `, points`; nothing for none."""
    return f", {unit}" if unit else ""


def symbol_of(look: Look) -> str:
    """The sign of a look by plotly's name."""
    return f"{look.symbol}-open" if look.hollow else look.symbol


def faded(colour: str, opacity: float) -> str:
    """A colour such as `#0072B2` that lets others through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


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


def above_row(place: float, *lines: str) -> Changes:
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


def named(places: Ticks) -> dict[str, Any]:
    """An axis whose ticks are texts, at numbers: plotly takes a name such as 2026-11-23 for a date."""
    return {
        "tickmode": "array",
        "tickvals": [place for place, _ in places],
        "ticktext": [literal(text) for _, text in places],
    }


def bare(places: Ticks) -> dict[str, Any]:
    """An axis of nothing but names."""
    return {**named(places), "ticks": "", "showgrid": False, "zeroline": False}
