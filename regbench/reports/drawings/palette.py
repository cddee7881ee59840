"""The colours and signs of every chart, on the page and on paper, and which arm has which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regbench.analysis.report import Report
from regbench.analysis.response import BEST, OVER, UNDER
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED

INK, GREY, PALE, FAINT = "#222222", "#999999", "#cccccc", "#e6e6e6"
BASELINE = "#555555"
# Okabe and Ito, 2008, https://jfly.uni-koeln.de/color/, without black and without yellow, which does not show
# on white; then some of Tol's
ARMS = (
    "#0072B2",
    "#E69F00",
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
SYMBOLS = ("square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star", "pentagon")
GOOD, ALIKE, BAD, OPEN = "#0072B2", "#009E73", "#D55E00", "#888888"
NEGATIVE, POSITIVE = "#e8a37c", "#7db4d8"  # light enough for text to be read on them
# of shares: small ones are told apart, and black text can be read on the largest
SHARES = ((0.0, "#ffffff"), (0.1, "#dcebf6"), (1.0, "#6aabd2"))
SAMPLING = "#efefef"  # of the band of the sampling error
ALONE = "#f3f3f3"  # of a cell that has words and no colour of the scale
LINE, MARK = "#0072B2", "#B30000"  # of the one curve of a chart, and of the best on it
SIDES = {UNDER: ("#56B4E9", "#1B6389"), OVER: ("#E69F00", "#7A5200"), BEST: ("#009E73", "#00614A")}
OTHER_SIDE = ("#999999", "#555555")  # of which nobody knows whether it regularizes more


@dataclass(frozen=True)
class Look:
    """How what belongs together is drawn everywhere: its colour, its sign, and whether that is hollow."""

    colour: str
    symbol: str = "circle"
    hollow: bool = False


VERDICTS = {
    "better": Look(GOOD),
    NO_MATTER: Look(ALIKE, "diamond"),
    NOT_RESOLVED: Look(OPEN, hollow=True),
    "worse": Look(BAD, "square"),
}
Looks = Mapping[str, Look]  # by the names of arms


def looks(report: Report) -> list[dict[str, Look]]:
    """The look of each arm of each comparison; of a name the same throughout, where there are enough.

    The baseline is a grey circle. Colours repeat after 11 arms, pairs of a colour and a sign after 88.
    """
    names = [
        list(dict.fromkeys(arm.name for arm in one.arms if arm.name != one.baseline))
        for one in report.comparisons
    ]
    everyone = list(dict.fromkeys(name for several in names for name in several))
    if len(everyone) <= len(ARMS):
        names = [everyone] * len(names)
    return [
        {name: _look(place) for place, name in enumerate(several)}
        | ({one.baseline: Look(BASELINE)} if one.baseline is not None else {})
        for several, one in zip(names, report.comparisons, strict=True)
    ]


def _look(place: int) -> Look:
    return Look(ARMS[place % len(ARMS)], SYMBOLS[place % len(SYMBOLS)])
