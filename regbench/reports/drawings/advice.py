"""The differences of a race, and what each member of a winner adds: a row for each, the best on top."""

from __future__ import annotations

from collections.abc import Sequence

from regbench.analysis.advising import Advice, Part, Raced
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.analysis.words import number
from regbench.records.metrics import smaller_is_better
from regbench.reports.drawings.marks import Axis, Drawing, Panel, Row, Rule, Series
from regbench.reports.drawings.palette import BASELINE, OPEN, VERDICTS, Look
from regbench.reports.wording import scaled, typeset

SEARCHED = Look("#0072B2")
ROOM = 0.06  # of the width, beside the outermost


def raced(advice: Advice) -> Drawing | None:
    """The race: those that were searched stand out, as what the race has resolved is little."""
    rows = [one for one in advice.race.rows if one.mean is not None]
    groups = {
        "searched": (SEARCHED, [one for one in rows if one.searched]),
        "not searched": (Look(OPEN, hollow=True), [one for one in rows if not one.searched]),
    }
    caption = (
        "Mean difference to none at the techniques' defaults, paired by seed: what chose, not what is found."
    )
    return _drawn(advice, advice.plan.chooses, rows, groups, caption, bars=False)


def parts(advice: Advice) -> Drawing | None:
    """What each member adds, coloured by its verdict."""
    rows = [one for one in advice.ablation.parts if one.mean is not None] if advice.ablation else []
    groups = {word: (look, [one for one in rows if one.word == word]) for word, look in VERDICTS.items()}
    rest = [one for one in rows if one.word not in VERDICTS]
    groups[NOT_RESOLVED][1].extend(rest)
    caption = "The winner less the winner without the member, with the interval that holds all at once."
    return _drawn(advice, advice.plan.metric, rows, groups, caption, bars=True)


def _drawn(
    advice: Advice,
    metric: str,
    rows: Sequence[Raced | Part],
    groups: dict[str, tuple[Look, list]],  # type: ignore[type-arg]
    caption: str,
    bars: bool,
) -> Drawing | None:
    if not rows:
        return None
    place = {id(one): float(len(rows) - rank) for rank, one in enumerate(rows)}
    found = []
    for key, (look, some) in groups.items():
        if some:
            ends = bars and any(one.low is not None for one in some)
            found.append(
                Series(
                    key,
                    look,
                    scaled(metric, [one.mean for one in some]),
                    [place[id(one)] for one in some],
                    low=[_end(metric, one.low) for one in some] if ends else [],
                    high=[_end(metric, one.high) for one in some] if ends else [],
                    ends="x",
                    told=[f"{_name(one)}: {_told(one, metric)}" for one in some],
                )
            )
    terms = advice.plan.terms
    unit, better = terms.unit_of(metric, True), "left" if smaller_is_better(metric) else "right"
    words = "; ".join(filter(None, [unit, f"{better} is better"]))
    names = [Row(place[id(one)], _name(one), _told(one, metric)) for one in rows]
    low, high = _extent(metric, rows, bars)
    panel = Panel(
        [Rule(0.0, "x", BASELINE), *found],
        Axis(f"difference in {terms.title(metric)} ({words})", low, high),
        rows=names,
    )
    return Drawing([panel], caption, [one.key for one in found])


def _name(one: Raced | Part) -> str:
    return one.name if isinstance(one, Raced) else one.member


def _told(one: Raced | Part, metric: str) -> str:
    return typeset(number(metric, one.mean, True))


def _end(metric: str, value: float | None) -> float | None:
    return None if value is None else scaled(metric, [value])[0]


def _extent(metric: str, rows: Sequence[Raced | Part], bars: bool) -> list[float]:
    """A range with zero, all means, and all ends of intervals that are drawn."""
    values = [0.0, *(one.mean for one in rows if one.mean is not None)]
    if bars:
        values += [end for one in rows for end in (one.low, one.high) if end is not None]
    low, high = min(values), max(values)
    room = ROOM * (high - low) or 0.01
    return scaled(metric, [low - room, high + room])
