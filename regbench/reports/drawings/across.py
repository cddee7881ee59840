"""Techniques over conditions: a matrix of differences, and mean ranks with what joins them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from regbench.analysis.across_report import Across, Cell, Technique
from regbench.analysis.ranking import Ranking
from regbench.analysis.words import number
from regbench.errors import counted
from regbench.records.metrics import smaller_is_better
from regbench.reports.drawings.marks import Axis, Cells, Drawing, Numbers, Panel, Row, Series
from regbench.reports.drawings.palette import BASELINE, INK, NEGATIVE, POSITIVE, Look
from regbench.reports.wording import effect, interval, scaled, shortened, tested, typeset

OVER = "all conditions"
CRITICAL = "critical difference"
BAR = 2.0  # of the weight of a line
ROOM = 0.2  # of a rank, at the ends of the axis


@dataclass(frozen=True)
class AcrossChart:
    """A chart of what holds over conditions: its name as a file and on the page, and its drawing."""

    name: str
    heading: str
    drawing: Drawing


def charts(found: Across) -> list[AcrossChart]:
    """Every chart of which there is something."""
    made = [AcrossChart("conditions", "Techniques by conditions", matrix(found))]
    if found.ranking:
        made.append(AcrossChart("ranks", "Mean ranks", ranks(found, found.ranking)))
    return made


def matrix(found: Across) -> Drawing:
    """Techniques down, conditions across; at the right what holds over all, where that is averaged."""
    averaged = not found.unaveraged
    values = [_means(one, found, averaged) for one in found.techniques]
    values = values if averaged else _by_column(values)
    texts = [
        [*(_words(cell, found) for cell in one.cells), *([_over(one, found)] if averaged else [])]
        for one in found.techniques
    ]
    told = [
        [*(_told(one, cell, found) for cell in one.cells), *([_over_told(one, found)] if averaged else [])]
        for one in found.techniques
    ]
    low, high = (POSITIVE, NEGATIVE) if smaller_is_better(found.metric) else (NEGATIVE, POSITIVE)
    most = max((abs(value) for row in values for value in row if value is not None), default=0.0) or 1.0
    unit = found.terms.unit_of(found.metric, True)
    cells = Cells(
        values,
        texts,
        told,
        [one.name for one in found.techniques],
        [*(one.name for one in found.conditions), *([OVER] if averaged else [])],
        ((0.0, low), (0.5, "#ffffff"), (1.0, high)),
        -most,
        most,
        f"difference{f' ({unit})' if unit else ''}",
        keyed=averaged,
    )
    caption = (
        f"Mean difference to {found.baseline} in {found.terms.title(found.metric)}, paired by seed, in each "
        "condition, with its verdict and 95 % interval, unadjusted. Blue: better than the baseline; orange: "
        "worse."
    )
    if averaged:
        caption += (
            " At the right the mean over the conditions, with an interval that has conditions as its unit."
        )
    else:
        caption += " Colours are by the largest difference of each condition."
    return Drawing([Panel([cells])], caption, note=f"difference to {found.baseline}, {found.at} weights")


def _means(one: Technique, found: Across, averaged: bool) -> list[float | None]:
    means = [cell.difference.mean if cell.difference else None for cell in one.cells]
    means += [one.mean.mean if one.mean else None] if averaged else []
    return [None if mean is None else scaled(found.metric, [mean])[0] for mean in means]


def _by_column(values: Sequence[Numbers]) -> list[list[float | None]]:
    """Values as shares of the largest of their columns, which have no common scale."""
    columns = zip(*values, strict=True)
    most = [max((abs(v) for v in column if v is not None), default=0.0) or 1.0 for column in columns]
    return [[None if v is None else v / top for v, top in zip(row, most, strict=True)] for row in values]


def _words(cell: Cell, found: Across) -> str:
    if cell.difference is None:
        return cell.missing
    word = cell.verdict.word if cell.verdict else ""
    mean, ends = number(found.metric, cell.difference.mean, True), interval(found.metric, cell.difference)
    return typeset(f"{word}\n{mean}\n{ends}".rstrip())


def _over(one: Technique, found: Across) -> str:
    if one.mean is None:
        return ""
    word = one.verdict.word if one.verdict else ""
    mean, ends = number(found.metric, one.mean.mean, True), interval(found.metric, one.mean)
    return typeset(f"{word}\n{mean}\n{ends}".rstrip())


def _told(one: Technique, cell: Cell, found: Across) -> str:
    head = f"{shortened(one.name)}, {cell.condition}"
    if cell.difference is None or cell.verdict is None:
        return f"{head}: {cell.missing}"
    pairs = counted(cell.difference.n, "pair")
    known = typeset(effect(found.metric, cell.difference, found.terms))
    return f"{head}: {cell.verdict.word}\n{known}\n{pairs}, {tested(cell.verdict)}"


def _over_told(one: Technique, found: Across) -> str:
    if one.mean is None or one.verdict is None:
        return f"{shortened(one.name)}: nothing to compare"
    known = typeset(effect(found.metric, one.mean, found.terms))
    return f"{shortened(one.name)}, {OVER}: {one.verdict.word}\n{known}\n{tested(one.verdict)}"


def ranks(found: Across, ranked: Ranking) -> Drawing:
    """A critical-difference diagram with a row for each arm; groups of which no two differ lie below them."""
    names, groups, conditions = list(ranked.ranks), ranked.groups, len(found.conditions)
    top = 1 + len(names) + len(groups)
    height = {name: float(top - place) for place, name in enumerate(names, 1)}
    below = [float(len(groups) - place) for place in range(len(groups))]
    rows = [Row(float(top), CRITICAL, f"{ranked.critical_difference:.2f}")]
    rows += [
        Row(height[name], name, f"{ranked.ranks[name]:.2f} {_letters(name, ranked)}".rstrip())
        for name in names
    ]
    rows += [Row(at, f"group {_letter(place)}") for place, at in enumerate(below)]
    far = max(float(len(names)), 1.0 + ranked.critical_difference)
    ends = [(ranked.ranks[group[0]], ranked.ranks[group[-1]]) for group in groups]
    marks = [
        _line(1.0, 1.0 + ranked.critical_difference, float(top)),
        *(_line(start, end, at) for (start, end), at in zip(ends, below, strict=True)),
        _points("technique", [name for name in names if name != found.baseline], ranked, height, Look(INK)),
        _points(found.baseline, [found.baseline], ranked, height, Look(BASELINE, "diamond")),
    ]
    title = f"mean rank over {counted(conditions, 'condition')} (left is better)"
    caption = (
        f"Mean ranks of the arms that are there in every condition, by {found.terms.title(found.metric)} "
        f"over the seeds that they share. {ranked.sentence}. A line at the bottom joins the ranks of a "
        "group, of which no two are told apart; arms with the same letter are in one group (Demšar 2006)."
    )
    panel = Panel(marks, Axis(title, 1.0 - ROOM, far + ROOM, whole=True), rows=rows)
    return Drawing([panel], caption, ["technique", found.baseline], "no two of a group are told apart")


def _letter(place: int) -> str:
    return ascii_lowercase[place] if place < len(ascii_lowercase) else str(place + 1)


def _letters(name: str, ranked: Ranking) -> str:
    """The groups that an arm is in."""
    return "".join(_letter(place) for place, group in enumerate(ranked.groups) if name in group)


def _line(start: float, end: float, at: float) -> Series:
    look = Look(INK)
    return Series("", look, [start, end], [at, at], joined="straight", weight=BAR, signs=False)


def _points(
    key: str, names: Sequence[str], ranked: Ranking, height: Mapping[str, float], look: Look
) -> Series:
    told = [f"{shortened(name)}: mean rank {ranked.ranks[name]:.2f}" for name in names]
    return Series(
        key, look, [ranked.ranks[name] for name in names], [height[name] for name in names], told=told
    )
