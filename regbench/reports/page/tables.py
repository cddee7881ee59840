"""The page's tables, which sort by the numbers behind their texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from regbench.analysis.report import Arm, Comparison, Spread
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED
from regbench.analysis.words import number, probability
from regbench.records.metrics import JUDGING, METRICS, SHOWN, Kind, Terms, keys
from regbench.reports.drawings.palette import Looks
from regbench.reports.page.style import after_comma
from regbench.reports.wording import interval, typeset

SIGNS = {"better": "▲", "worse": "▼", NO_MATTER: "≈", NOT_RESOLVED: "○"}
RANKS = {"better": 0, NO_MATTER: 2, NOT_RESOLVED: 3, "worse": 4}  # the baseline is 1
FIGURES = keys(("accuracy", "numbers", "loss", "calibration"))
BALANCED = keys(("classes alike",), JUDGING)
PAGE = 1060  # pixels of the page's width
COSTS = {
    "seconds": ("time", "time, s"),
    "examples_per_s": ("speed", "examples/s"),
    "flops": ("FLOPs", "training FLOPs"),
}


@dataclass(frozen=True)
class Cell:
    """What stands in a table: text, an aside in small print, what it sorts by, and a class for its looks."""

    text: str
    aside: str = ""
    sort: float | None = None
    kind: str = ""


@dataclass(frozen=True)
class Column:
    """A column, in a group of columns; it is left out where no arm has a cell."""

    group: str
    heading: str
    cell: Callable[[Arm], Cell | None]


@dataclass(frozen=True)
class SortableTable:
    """Groups of columns with how many each has, their headings, and for each arm name, colour and cells."""

    groups: list[tuple[str, int]]
    headings: list[str]
    rows: list[tuple[str, str, list[Cell]]]


def overview(comparison: Comparison, looks: Looks) -> list[SortableTable]:
    """One row for each arm, with all that was measured, in as many tables as fit beside the arms' names."""
    metric, terms = comparison.metric, comparison.terms
    points = terms.unit_of(metric, True)
    against = f"{terms.title(metric)} against {comparison.baseline}; interval 95 %, unadjusted"
    columns = [
        Column("", "seeds", _seeds),
        Column(against, f"difference{after_comma(points)}", partial(_difference, metric)),
        Column(against, "p", lambda arm: _p(arm.verdict.p if arm.verdict else None)),
        Column(against, "adjusted p", lambda arm: _p(arm.verdict.p_adjusted if arm.verdict else None)),
        Column(against, "verdict", lambda arm: _verdict(arm, comparison)),
        Column(against, f"resolvable{after_comma(points)}", partial(_resolvable, metric)),
        *_by_split(terms, ("accuracy", "numbers")),
        *_by_split(terms, ("loss",)),
        Column("calibration on val", "ECE, %", _mean("val/ece")),
        Column("calibration on val", "Brier score", _mean("val/brier")),
        *_balanced(comparison),
        *([] if metric in _shown(comparison) else [Column("", _heading(metric, terms), _mean(metric))]),
        Column("epochs", "run", _amount("epochs")),
        Column("epochs", "selected", _amount("epoch")),
        *_costs(comparison),
        *([Column("test split", "reads", _reads)] if any(arm.test_reads for arm in comparison.arms) else []),
    ]
    return _on_a_page(_table(columns, comparison.arms, looks))


def _shown(comparison: Comparison) -> tuple[str, ...]:
    """The figures that have columns: where classes are uneven, some in which they count alike."""
    return (*FIGURES, *(BALANCED if comparison.uneven else ()))


def _balanced(comparison: Comparison) -> list[Column]:
    title = comparison.terms.title
    columns = [Column("classes alike, %", title(name), _mean(name)) for name in BALANCED]
    return columns if comparison.uneven else []


def changes(comparison: Comparison, looks: Looks) -> list[SortableTable]:
    """The differences to the baseline in every metric, of which only the metric's are tested."""
    arms = [arm for arm in comparison.arms if arm.verdict]
    columns = [
        Column("", _heading(name, comparison.terms, True), partial(_difference, name))
        for name in _shown(comparison)
    ]
    made = _table(columns, arms, looks)
    return _on_a_page(made) if made.headings else []


def _on_a_page(table: SortableTable) -> list[SortableTable]:
    """A table as several, none wider than the page; groups of columns stay whole where they can."""
    widths = [_pixels(table, place) for place in range(len(table.headings))]
    room = PAGE - max((_name_pixels(name) for name, _, _ in table.rows), default=0)
    parts: list[list[int]] = [[]]
    for group in _groups(table):
        pieces = [group] if sum(widths[place] for place in group) <= room else [[place] for place in group]
        for piece in pieces:
            if parts[-1] and sum(widths[place] for place in (*parts[-1], *piece)) > room:
                parts.append([])
            parts[-1] += piece
    return [_some(table, part) for part in parts]


def _groups(table: SortableTable) -> list[list[int]]:
    """The places of the columns, group by group; columns of no group stand for themselves."""
    made: list[list[int]] = []
    place = 0
    for name, count in table.groups:
        places = list(range(place, place + count))
        made += [places] if name else [[one] for one in places]
        place += count
    return made


def _some(table: SortableTable, places: Sequence[int]) -> SortableTable:
    """Some columns of a table."""
    names = [name for name, count in table.groups for _ in range(count)]
    return SortableTable(
        [(name, len(list(several))) for name, several in groupby(names[place] for place in places)],
        [table.headings[place] for place in places],
        [(name, colour, [cells[place] for place in places]) for name, colour, cells in table.rows],
    )


def _pixels(table: SortableTable, place: int) -> int:
    """About how wide a column is: its cells stand on one line, its heading is folded between words."""
    cells = [cells[place] for _, _, cells in table.rows]
    words = [8 * len(word) for word in table.headings[place].split()]
    texts = [8 * len(cell.text) for cell in cells] + [7 * len(cell.aside) for cell in cells]
    return 20 + max([words[-1] + 16, *words, *texts])


def _name_pixels(name: str) -> int:
    """The same of the first column, whose width has bounds."""
    return max(176, min(272, 40 + 8 * len(name)))


def _heading(figure: str, terms: Terms, difference: bool = False) -> str:
    return terms.title(figure) + after_comma(terms.unit_of(figure, difference))


def _by_split(terms: Terms, kinds: Sequence[Kind]) -> Iterator[Column]:
    """The metrics of some kinds: a group of columns each, and one for the gap of what decides."""
    for metric in METRICS:
        if metric.kind not in kinds or metric.task != terms.task:
            continue
        group = metric.noun + after_comma(terms.unit_of(f"val/{metric.name}"))
        for split in SHOWN:
            key = f"{split}/{metric.name}"
            if split in metric.splits:
                said = dict(metric.titles).get(split, "").removeprefix(f"{split} ")
                yield Column(group, f"{split} ({said})" if said and split == "val" else split, _mean(key))
        gap = f"gap/{metric.name}"
        if metric.decides:
            shown = f"gap{after_comma(terms.unit_of(gap, True))}"
            yield Column(shown, "train \N{MINUS SIGN} val", _mean(gap))


def _table(columns: Iterable[Column], arms: Sequence[Arm], looks: Looks) -> SortableTable:
    filled = [(column, [column.cell(arm) for arm in arms]) for column in columns]
    kept = [(column, cells) for column, cells in filled if any(cell is not None for cell in cells)]
    none = Cell("\N{EN DASH}")
    return SortableTable(
        [(name, len(list(several))) for name, several in groupby(kept, key=lambda one: one[0].group)],
        [column.heading for column, _ in kept],
        [
            (arm.name, looks[arm.name].colour, [cells[place] or none for _, cells in kept])
            for place, arm in enumerate(arms)
        ],
    )


def _seeds(arm: Arm) -> Cell:
    unpaired = len(arm.seeds) - len(arm.paired) if arm.verdict else 0
    lost = {"not paired": unpaired, "diverged": len(arm.diverged), "missing": len(arm.missing)}
    return Cell(
        str(len(arm.seeds)), ", ".join(f"{n} {what}" for what, n in lost.items() if n), len(arm.seeds)
    )


def _mean(figure: str) -> Callable[[Arm], Cell | None]:
    def cell(arm: Arm) -> Cell | None:
        known = arm.figures.get(figure)
        if known is None:
            return None
        spread = "" if known.sd is None else f"± {number(figure, known.sd)}"
        return Cell(typeset(number(figure, known.mean)), spread, known.mean)

    return cell


def _amount(name: str) -> Callable[[Arm], Cell | None]:
    """A mean to four digits that count."""

    def cell(arm: Arm) -> Cell | None:
        known: Spread | None = arm.figures.get(name)
        return None if known is None else Cell(f"{known.mean:.4g}", sort=known.mean)

    return cell


def _costs(comparison: Comparison) -> list[Column]:
    """In multiples of the baseline's; without one, what was measured."""
    if comparison.baseline is None:
        return [Column("cost", heading, _amount(name)) for name, (_, heading) in COSTS.items()]
    group = f"cost, multiples of {comparison.baseline}"
    return [Column(group, heading, _multiple(name)) for name, (heading, _) in COSTS.items()]


def _multiple(name: str) -> Callable[[Arm], Cell | None]:
    def cell(arm: Arm) -> Cell | None:
        return (
            Cell(f"{arm.cost[name]:.2f}\N{MULTIPLICATION SIGN}", sort=arm.cost[name])
            if name in arm.cost
            else None
        )

    return cell


def _reads(arm: Arm) -> Cell:
    return Cell(str(arm.test_reads), sort=arm.test_reads)


def _difference(figure: str, arm: Arm) -> Cell | None:
    """Of an arm that is compared: that the baseline is no different from itself says nothing."""
    known = arm.differences.get(figure)
    if known is None or arm.verdict is None:
        return None
    return Cell(typeset(number(figure, known.mean, True)), typeset(interval(figure, known)), known.mean)


def _p(p: float | None) -> Cell | None:
    return None if p is None else Cell(probability(p), sort=p)


def _verdict(arm: Arm, comparison: Comparison) -> Cell | None:
    if arm.verdict is None:
        return Cell("baseline", sort=1, kind="open") if arm.name == comparison.baseline else None
    word = arm.verdict.word
    rank = RANKS.get(word, len(RANKS))
    return Cell(f"{SIGNS.get(word, '')} {word}".strip(), arm.verdict.reason, rank, word.replace(" ", "-"))


def _resolvable(metric: str, arm: Arm) -> Cell | None:
    if arm.verdict is None or arm.verdict.resolvable is None:
        return None
    return Cell(number(metric, arm.verdict.resolvable), sort=arm.verdict.resolvable)
