"""What stands behind the choice of each arm: its finalists over seeds, and which parameters mattered."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.analysis.search_findings import Importance, terms_of
from regbench.analysis.searching import Arm, Finalist, SearchReport
from regbench.analysis.words import number
from regbench.errors import counted
from regbench.reports.drawings.marks import Axis, Drawing, Panel, Row, Series
from regbench.reports.drawings.palette import GREY, LINE, MARK, Look
from regbench.reports.wording import scaled, typeset

IN_TRIAL, EACH, MEAN, CHOSEN = "in its trial", "each seed", "mean over seeds", "mean of the chosen one"
MOST = 15  # parameters of which the importance is drawn
SMALL = 0.7  # of a sign


def shown(metric: str, values: Sequence[float | None]) -> list[float | None]:
    """Values as they are shown, with holes."""
    return [None if value is None else scaled(metric, [value])[0] for value in values]


def finalists(report: SearchReport) -> Drawing | None:
    """A row for each finalist: its score in its trial, each of the new seeds, and their mean."""
    several = [(arm, one) for arm in report.arms for one in arm.finalists]
    if not several:
        return None
    metric, terms = report.objective, terms_of(report)
    rows, marks = [], []
    for at, (arm, one) in zip(range(len(several), 0, -1), several, strict=True):
        name = f"{arm.name}, trial {one.trial}"
        rows.append(Row(float(at), name, _told(one, metric)))
        marks += _of_finalist(name, float(at), arm, one, report)
    keys = [key for key in (IN_TRIAL, EACH, MEAN, CHOSEN) if any(mark.key == key for mark in marks)]
    title = f"{terms.with_unit(metric)}; {'left' if report.smaller else 'right'} is better"
    caption = (
        "The best trials of each arm, run again with seeds that no trial has seen. The hollow sign is the "
        "score for which a trial became a finalist; where the new seeds give less, luck may have lent a part."
    )
    return Drawing([Panel(marks, Axis(title), rows=rows)], caption, keys)


def _told(one: Finalist, metric: str) -> str:
    if one.mean is None:
        return one.reason or "not ended"
    spread = "" if one.sd is None else f" ± {number(metric, one.sd)}"
    return typeset(f"{number(metric, one.mean)}{spread}{', chosen' if one.chosen else ''}")


def _of_finalist(name: str, at: float, arm: Arm, one: Finalist, report: SearchReport) -> list[Series]:
    metric = report.objective
    score = next((trial.score for trial in arm.trials if trial.number == one.trial), None)
    seeds = [
        typeset(f"{name}, seed {seed}: {number(metric, value)}") for seed, value in sorted(one.scores.items())
    ]
    values = shown(metric, [value for _, value in sorted(one.scores.items())])
    made = []
    if score is not None:
        told = typeset(f"{name}, in its trial: {number(metric, score)}")
        made.append(Series(IN_TRIAL, Look(LINE, hollow=True), shown(metric, [score]), [at], told=[told]))
    if values:
        made.append(Series(EACH, Look(GREY), values, [at] * len(values), weight=SMALL, told=seeds))
    if one.mean is not None:
        key, look = (CHOSEN, Look(MARK, "diamond")) if one.chosen else (MEAN, Look(LINE, "diamond"))
        told = typeset(f"{name}, mean of {counted(len(values), 'seed')}: {number(metric, one.mean)}")
        made.append(Series(key, look, shown(metric, [one.mean]), [at], told=[told]))
    return made


def weights(importance: Importance | None) -> Drawing | None:
    """A bar for each parameter, the most important on top."""
    if importance is None or not importance.shares:
        return None
    several = sorted(importance.shares.items(), key=lambda one: -one[1])
    left_out = len(several) - MOST
    several = several[:MOST]
    places = [float(place) for place in range(len(several), 0, -1)]
    shares = [round(100 * share, 2) for _, share in several]
    told = [f"{share:.0f} %" for share in shares]
    bars = Series(
        "share",
        Look(LINE),
        shares,
        places,
        low=[0.0] * len(shares),
        high=shares,
        ends="x",
        told=[f"{key}: {words}" for (key, _), words in zip(several, told, strict=True)],
    )
    rows = [Row(at, key, words) for (key, _), at, words in zip(several, places, told, strict=True)]
    caption = (
        f"The share of the variance of the scores of {counted(importance.trials, 'complete trial')} that "
        "each parameter explains by itself (fANOVA, a forest of regression trees), of those parameters "
        "that every trial has. It says what mattered within the ranges, not in which direction, nor "
        "whether it helps."
    )
    if left_out > 0:
        caption += f" The least {left_out} are left out."
    axis = Axis("share of the spread explained (%)", 0.0, round(1.06 * max(shares), 2) or 1.0)
    return Drawing([Panel([bars], axis, rows=rows)], caption, [])
