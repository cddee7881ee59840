"""A response curve as tables of short texts, a drawing in signs, and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from regbench.analysis.report import Difference
from regbench.analysis.response import BEST, Point, Response
from regbench.analysis.words import number, probability
from regbench.reports.wording import INTERVAL, in_full, interval, judged, tested
from regbench.terminal.columns import Table

WIDTH = 22  # of the drawing, in signs
DRAWN = "curve"  # its column


class Signs(NamedTuple):
    """What a drawing is made of: ends of an interval, its inside, the mean, the baseline's mean."""

    low: str
    inside: str
    high: str
    mean: str
    baseline: str


LINES = Signs("├", "─", "┤", "●", "┊")
PLAIN = Signs("|", "-", "|", "o", ":")


def pages(curve: Response, signs: Signs = LINES) -> list[tuple[Table, list[str]]]:
    """Each table with the sentences that belong to it."""
    shown = [(_curve(curve, signs), list(_about_best(curve)))]
    if any(one.difference for one in curve.points):
        shown.append((_differences(curve), list(_about_verdicts(curve))))
    return [*shown[:-1], (shown[-1][0], [*shown[-1][1], *curve.notes])]


def short(value: float | None) -> str:
    """A value as a command line has it; a dash for the stack without the member."""
    return "-" if value is None else f"{value:.6g}"


def _word(curve: Response) -> str:
    return curve.key.rpartition(".")[2]


def _curve(curve: Response, signs: Signs) -> Table:
    metric, rows = curve.metric, list(curve.points)
    if curve.baseline is not None and curve.baseline.value is None:
        rows.insert(0, curve.baseline)
    headings = [
        _word(curve),
        "seeds",
        " ".join(filter(None, [curve.terms.title(metric), curve.terms.unit_of(metric)])),
        "95 % interval",
        "gap",
        DRAWN,
        "side",
    ]
    drawn = drawing(rows, curve.baseline, signs)
    cells = [
        [
            short(one.value),
            str(len(one.seeds)),
            number(metric, one.score.mean) if one.score else "-",
            _interval(metric, one.score),
            number(curve.gap_metric, one.gap.mean) if one.gap else "-",
            line,
            _side(one, curve),
        ]
        for one, line in zip(rows, drawn, strict=True)
    ]
    terms = curve.terms
    gap = " in ".join(filter(None, [terms.title(curve.gap_metric), terms.unit_of(curve.gap_metric, True)]))
    return Table(f"{curve.name}: response to {curve.key}, {curve.at} weights; {gap}", headings, cells)


def _interval(metric: str, of: Difference | None) -> str:
    if of is None or of.low is None or of.high is None:
        return "-"
    return f"{number(metric, of.low)} to {number(metric, of.high)}"


def _side(one: Point, curve: Response) -> str:
    if one.value is None:
        return "baseline"
    if curve.best is not None and one.value == curve.best.value:
        return "best"
    return "diverged" if one.diverged else one.side


def drawing(points: Sequence[Point], baseline: Point | None, signs: Signs = LINES) -> list[str]:
    """A line for each point: its interval and mean on a scale that all share, and the baseline's mean."""
    ends = [
        end
        for one in points
        if one.score
        for end in (one.score.mean, one.score.low, one.score.high)
        if end is not None
    ]
    low, high = (min(ends), max(ends)) if ends else (0.0, 0.0)

    def place(value: float) -> int:
        return round((value - low) / (high - low) * (WIDTH - 1)) if high > low else 0

    mark = place(baseline.score.mean) if baseline and baseline.score else None
    return [_line(one.score, place, mark, signs) for one in points]


def _line(score: Difference | None, place: Callable[[float], int], mark: int | None, signs: Signs) -> str:
    cells = [" "] * WIDTH
    if mark is not None:
        cells[mark] = signs.baseline
    if score is None:
        return "".join(cells)
    if score.low is not None and score.high is not None:
        first, last = place(score.low), place(score.high)
        cells[first : last + 1] = signs.inside * (last - first + 1)
        cells[first], cells[last] = signs.low, signs.high
    cells[place(score.mean)] = signs.mean
    return "".join(cells)


def _differences(curve: Response) -> Table:
    headings = [_word(curve), "seeds", f"difference [{INTERVAL}]", "p", "adjusted p", "verdict"]
    metric = curve.metric
    against = "the stack without it" if curve.baseline and curve.baseline.value is None else "off"
    rows = [
        [
            short(one.value),
            str(one.difference.n),
            f"{number(metric, one.difference.mean, True)} {interval(metric, one.difference)}".rstrip(),
            probability(one.verdict.p),
            probability(one.verdict.p_adjusted),
            one.verdict.word,
        ]
        for one in curve.points
        if one.difference and one.verdict
    ]
    said = ", ".join(filter(None, [curve.terms.title(metric), curve.terms.unit_of(metric, True)]))
    return Table(f"difference to {against}: {said}", headings, rows)


def _about_best(curve: Response) -> Iterator[str]:
    best, word = curve.best, _word(curve)
    if best is None:
        return
    if best.low is None:
        yield f"the best {word} tried is {short(best.value)}; one seed gives no interval"
        return
    yield (
        f"the best {word} tried is {short(best.value)}, interval {short(best.low)} to {short(best.high)} "
        f"(95 %, bootstrap over {len(best.seeds)} seeds, among the values tried)"
    )
    if len(best.seeds) < FEW:
        yield f"a bootstrap over fewer than {FEW} seeds is too sure of itself: take the interval as a hint"
    for side in dict.fromkeys(one.side for one in curve.points if one.side):
        values = ", ".join(short(one.value) for one in curve.points if one.side == side)
        tail = f", as far as {len(best.seeds)} seeds can tell" if side == BEST else ""
        yield f"{side}{tail}: {values}"
    if best.value == curve.off:
        yield _about_off(curve)
    elif best.edge:
        yield f"the best is the {_end(curve)} value tried: a better one may lie beyond it"


def _about_off(curve: Response) -> str:
    """What is to be said where off is the best: that nothing is better only where all others are worse."""
    others = [one for one in curve.points if one.value != curve.off and (one.seeds or one.diverged)]
    to_off = curve.baseline is not None and curve.baseline.value == curve.off
    if others and to_off and all(one.verdict and one.verdict.word == "worse" for one in others):
        return "nothing tried is better than off"
    which = " at which no seed diverged" if any(one.diverged for one in others) else ""
    return f"off has the best mean of those tried{which}"


FEW = 10  # seeds


def _end(curve: Response) -> str:
    """Which end of the values tried the best is."""
    values = [one.value for one in curve.points if one.value is not None and (one.seeds or one.diverged)]
    return "highest" if curve.best and curve.best.value == max(values) else "lowest"


def _about_verdicts(curve: Response) -> Iterator[str]:
    for one in curve.points:
        if one.difference is None or one.verdict is None:
            continue
        head = f"{_word(curve)}={short(one.value)} {judged(one.verdict)}"
        yield f"{head}: {in_full(curve.metric, one.difference, curve.terms)}, {tested(one.verdict)}"
    if curve.design:
        yield curve.design.sentence
        yield curve.judge.sentence
