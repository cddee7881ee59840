"""An ablation as tables of short texts and as sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from regbench.compare.ablation import Ablation, Effect, Family, Pair, Tried
from regbench.compare.report import Design, Difference, Verdict
from regbench.compare.tables import Table
from regbench.compare.verdicts import NOT_RESOLVED
from regbench.compare.wording import INTERVAL, effect, interval, number, probability, title, unit

SECTIONS = {
    "solo": "each alone, against none",
    "leave_one_out": "what each adds to the rest: all, against all but that one",
    "together": "all together, against none",
}
THREE = (
    "the interactions are of pairs, with nothing else in the stack: what three or more do is in none of them"
)

SAID = {  # by the verdict on an interaction; the second where the two harm
    "synergy": ("help each other", "harm less than each alone adds up to"),
    "overlap": ("overlap", "get in each other's way"),
}


def pages(ablation: Ablation) -> list[tuple[Table, list[str]]]:
    """Each table with the sentences that belong to it."""
    shown = [(_stacks(ablation), ablation.notes)]
    for name, caption in SECTIONS.items():
        family: Family = getattr(ablation, name)
        if family.effects:
            lines = [one for effect in family.effects for one in _said(name, effect, ablation)]
            lines += _limits(family.design, [e.verdict for e in family.effects], ablation.metric)
            shown.append((_effects(f"{caption}: {_measured(ablation)}", family, ablation.metric), lines))
    if ablation.pairs:
        lines = [_of_pair(pair, ablation.metric) for pair in ablation.pairs]
        lines += _limits(ablation.pairs_design, [pair.verdict for pair in ablation.pairs], ablation.metric)
        lines += [THREE] if len(ablation.members) > 2 else []
        shown.append((_pairs(ablation), lines))
    return shown


def _measured(ablation: Ablation) -> str:
    metric = ablation.metric
    return ", ".join(filter(None, [title(metric), unit(metric, True), f"{ablation.at} weights"]))


def _stacks(ablation: Ablation) -> Table:
    metric = ablation.metric

    def row(one: Tried) -> list[str]:
        if one.figure is None:
            return [one.name, "0", "-"]
        spread = "" if one.figure.sd is None else f" ± {number(metric, one.figure.sd)}"
        return [one.name, str(len(one.seeds)), number(metric, one.figure.mean) + spread]

    heading = " ".join(filter(None, [title(metric), unit(metric)]))
    return Table(
        f"{ablation.name}: stacks", ["stack", "seeds", heading], [row(one) for one in ablation.stacks]
    )


def _effects(caption: str, family: Family, metric: str) -> Table:
    headings = ["member", "seeds", f"difference [{INTERVAL}]", "p", "adjusted p", "verdict"]
    return Table(caption, headings, [[one.member, *_cells(one, metric)] for one in family.effects])


def _cells(one: Effect, metric: str) -> list[str]:
    verdict = one.verdict
    return [
        str(len(one.seeds)),
        _range(metric, one.difference) if one.difference else "-",
        probability(verdict.p),
        probability(verdict.p_adjusted),
        verdict.word,
    ]


def _pairs(ablation: Ablation) -> Table:
    metric = ablation.metric
    headings = ["pair", "seeds", "together", "sum", f"interaction [{INTERVAL}]",
                "adjusted p", "verdict"]  # fmt: skip
    rows = [
        [
            "+".join(pair.members),
            str(len(pair.seeds)),
            number(metric, pair.together.mean, True),
            number(metric, pair.summed.mean, True),
            _range(metric, pair.interaction),
            probability(pair.verdict.p_adjusted),
            pair.verdict.word,
        ]
        for pair in ablation.pairs
    ]
    return Table(f"interactions of pairs: {_measured(ablation)}", headings, rows)


def _range(metric: str, of: Difference) -> str:
    return f"{number(metric, of.mean, True)} {interval(metric, of)}".rstrip()


def _said(section: str, one: Effect, ablation: Ablation) -> Iterator[str]:
    """What is to be said of one effect."""
    if one.difference is None:
        yield f"{one.stack} and {one.against}: no seed is shared"
        return
    verdict, resolved = one.verdict, one.verdict.word != NOT_RESOLVED
    if section == "leave_one_out":
        alone = next(e for e in ablation.solo.effects if e.member == one.member)
        words = {"better": "adds to the rest", "worse": "takes from the rest"}
        still = ("better alone, but " if alone.verdict.word == "better" else "") + (
            "adds nothing resolved to the others"
        )
        head = f"{one.member} {words[verdict.word]}" if resolved else f"{one.member}: {still}"
    else:
        subject = "all together" if section == "together" else f"{one.member} alone"
        verb = "are" if section == "together" else "is"
        head = f"{subject} {verb} {verdict.word}"
    yield f"{head}: {effect(ablation.metric, one.difference)}, {_p(verdict)}"


def _of_pair(pair: Pair, metric: str) -> str:
    """What is to be said of two members: do they add up?"""
    a, b = pair.members
    if pair.verdict.word in SAID:
        head = f"{a} and {b} {SAID[pair.verdict.word][_is_harm(pair)]}"
    elif pair.verdict.reason:
        head = f"{a} and {b}: not resolved"
    else:
        seeds = f"{len(pair.seeds)} seed{'s' if len(pair.seeds) > 1 else ''}"
        head = f"{a} and {b} add up as far as {seeds} can tell"
    figures = (_range(metric, each) for each in (pair.together, pair.summed, pair.interaction))
    together, summed, interaction = figures
    measured = " ".join(filter(None, [f"together {together}", unit(metric, True)]))
    return (
        f"{head}: {measured}, the sum of each alone {summed}, interaction {interaction}, {_p(pair.verdict)}"
    )


def _is_harm(pair: Pair) -> bool:
    """Whether two members harm: alone, where together they harm less; else together, below either alone."""
    good = 1 if (pair.interaction.mean > 0) == (pair.verdict.word == "synergy") else -1
    if pair.verdict.word == "synergy":
        return _ends(pair.summed, good)[1] < 0 and good * pair.together.mean < 0
    return _ends(pair.together, good)[1] < min(_ends(alone, good)[0] for alone in (pair.first, pair.second))


def _ends(of: Difference, good: int) -> tuple[float, float]:
    """The worst and the best that an interval holds; everything where there is none."""
    if of.low is None or of.high is None:
        return -math.inf, math.inf
    low, high = sorted((good * of.low, good * of.high))
    return low, high


def _p(verdict: Verdict) -> str:
    said = f"adjusted p {probability(verdict.p_adjusted)}"
    return f"{said}, {verdict.reason}" if verdict.reason else said


def _limits(design: Design | None, verdicts: Sequence[Verdict], metric: str) -> list[str]:
    """What the family could have found."""
    lines = [design.sentence] if design else []
    found = [verdict.resolvable for verdict in verdicts if verdict.resolvable]
    if found:
        low, high = number(metric, min(found)), number(metric, max(found))
        span = "a difference of " + low if low == high else f"differences of {low} to {high}"
        said = " ".join(filter(None, [span, unit(metric, True)]))
        lines.append(f"{said} would have been resolved four times in five")
    return lines
