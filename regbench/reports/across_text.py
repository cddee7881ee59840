"""What holds over several conditions as tables of short texts, and sentences."""

from __future__ import annotations

from collections.abc import Iterator

from regbench.analysis.across_report import WORDS, Across, Cell, Technique
from regbench.analysis.report import Report
from regbench.analysis.verdicts import NO_MATTER
from regbench.analysis.words import number
from regbench.errors import counted
from regbench.reports.tables import NONE
from regbench.reports.wording import effect, interval, judged, left_out, tested
from regbench.stats.aggregate import Middle
from regbench.terminal.columns import Table
from regbench.terminal.screen import Screen, print_lines, print_table

MEAN_INTERVAL = "95 % over conditions"
MIDDLE_INTERVAL = "95 % over seeds"
WHOLE = (MEAN_INTERVAL, MIDDLE_INTERVAL)  # headings of cells that are read as one
SHORT = {"not resolved": "open", NO_MATTER: "no matter"}  # of verdicts, in a matrix


def show(console: Screen, told: Report, found: Across) -> None:
    """Print the matrix, what holds over its columns, and the sentences that belong to it.

    Args:
        console: to print to.
        told: the report that the conditions are of.
        found: what holds over them.
    """
    for table in tables(found):
        print_table(console, table, whole=WHOLE)
        console.print()
    styles = {"better": "green", "worse": "red"}
    for one in found.techniques:
        word = one.verdict.word if one.verdict else ""
        print_lines(console, [sentence(one, found)], styles.get(word, ""))
    print_lines(console, besides(found), "")
    console.print()
    print_lines(console, left_out(told.excluded, told.duplicates, told.complaints), "dim")


def tables(found: Across) -> list[Table]:
    """Every technique in every condition; every technique over all of them."""
    return [_matrix(found), _over(found)]


def said(found: Across) -> list[str]:
    """All sentences: on each technique, on what the tests are, and what to know before believing it."""
    return [*(sentence(one, found) for one in found.techniques), *besides(found)]


def besides(found: Across) -> list[str]:
    """The sentences that are on no one technique."""
    return [*filter(None, [found.unaveraged]), *found.families, *found.notes]


def measure(found: Across) -> str:
    """The metric with the unit of its differences: `val accuracy, points`."""
    return ", ".join(filter(None, [found.terms.title(found.metric), found.terms.unit_of(found.metric, True)]))


def _matrix(found: Across) -> Table:
    base = [number(found.metric, one.baseline) for one in found.conditions]
    rows = [[one.name, *(short(cell, found.metric) for cell in one.cells)] for one in found.techniques]
    caption = (
        f"{measure(found)}: difference to {found.baseline} in each condition, {found.at} weights; the first "
        f"row is {found.baseline} itself{_percent(found)}"
    )
    headings = ["stack", *(one.name for one in found.conditions)]
    return Table(caption, headings, [[found.baseline, *base], *rows])


def _percent(found: Across) -> str:
    unit = found.terms.unit_of(found.metric)
    return f" in {unit}" if unit else ""


def short(cell: Cell, metric: str) -> str:
    """A cell in a few signs: +0.80 better."""
    if cell.difference is None:
        return cell.missing
    word = cell.verdict.word if cell.verdict else ""
    return f"{number(metric, cell.difference.mean, True)} {SHORT.get(word, word)}".strip()


def _over(found: Across) -> Table:
    words = [word for word in WORDS if found.margin is not None or word != NO_MATTER]
    averaged = not found.unaveraged
    headings = ["stack", *(SHORT.get(word, word) for word in words)]
    headings += ["mean rank"] if found.ranking else []
    headings += ["mean", MEAN_INTERVAL, "adj. p", "verdict", "IQM", MIDDLE_INTERVAL] if averaged else []
    rows = [
        [
            one.name,
            *(f"{one.counts[word]} of {len(one.cells)}" for word in words),
            *([_rank(one.rank)] if found.ranking else []),
            *(_averages(one, found) if averaged else []),
        ]
        for one in found.techniques
    ]
    if found.ranking:
        blank = [NONE] * (len(headings) - 2 - len(words))
        base = found.ranking.ranks[found.baseline]
        rows.insert(0, [found.baseline, *([NONE] * len(words)), _rank(base), *blank])
    caption = f"over {counted(len(found.conditions), 'condition')}"
    if averaged:
        caption += (
            f": {measure(found)}; mean of the conditions' differences, and interquartile mean of all runs'"
        )
    return Table(caption, headings, rows)


def _rank(rank: float | None) -> str:
    return NONE if rank is None else f"{rank:.2f}"


def _averages(one: Technique, found: Across) -> Iterator[str]:
    metric = found.metric
    yield number(metric, one.mean.mean, True) if one.mean else NONE
    yield (interval(metric, one.mean) if one.mean else "") or NONE
    yield (
        tested(one.verdict).removeprefix("adjusted p ").partition(",")[0]
        if one.mean and one.verdict
        else NONE
    )
    yield one.verdict.word if one.mean and one.verdict else NONE
    yield number(metric, one.middle.mean, True) if one.middle else NONE
    yield (ends(metric, one.middle) if one.middle else "") or NONE


def ends(metric: str, middle: Middle) -> str:
    """The interval of an interquartile mean; empty where there is none."""
    if middle.low is None or middle.high is None:
        return ""
    return f"[{number(metric, middle.low, True)}, {number(metric, middle.high, True)}]"


def sentence(one: Technique, found: Across) -> str:
    """What is to be said of one technique over the conditions."""
    counts = [f"{word} in {count}" for word, count in one.counts.items() if count]
    cells = f"{', '.join(counts) or 'compared in none'} of {counted(len(one.cells), 'condition')}"
    if one.mean is None or one.verdict is None:
        return f"{one.name}: {cells}"
    mean = effect(found.metric, one.mean, found.terms)
    none = (
        "" if interval(found.metric, one.mean) else f" (no interval from {counted(one.mean.n, 'condition')})"
    )
    head = f"{one.name} {judged(one.verdict)} over the conditions"
    return f"{head}: mean {mean}{none}, {tested(one.verdict)}; {cells}"
