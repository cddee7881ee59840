"""An ablation as tables of short texts and as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from regbench.analysis.ablation import Ablation, Effect, Family, Tried
from regbench.analysis.report import Difference
from regbench.analysis.verdicts import NOT_RESOLVED
from regbench.analysis.words import number, probability
from regbench.reports.wording import INTERVAL, about_pairs, in_full, interval, limits, tested
from regbench.terminal.columns import Table

SECTIONS = {
    "solo": "each alone, against none",
    "leave_one_out": "what each adds to the rest: all, against all but that one",
    "together": "all together, against none",
}
THREE = (
    "the interactions are of pairs, with nothing else in the stack: what three or more do is in none of them"
)


def pages(ablation: Ablation) -> list[tuple[Table, list[str]]]:
    """Each table with the sentences that belong to it."""
    shown = [(_stacks(ablation), [ablation.judge.sentence, *ablation.notes])]
    for name, caption in SECTIONS.items():
        family: Family = getattr(ablation, name)
        if family.effects:
            lines = [one for effect in family.effects for one in _said(name, effect, ablation)]
            lines += limits(
                family.design, [e.verdict for e in family.effects], ablation.metric, ablation.terms
            )
            shown.append((_effects(f"{caption}: {_measured(ablation)}", family, ablation.metric), lines))
    if ablation.pairs:
        lines = about_pairs(ablation.metric, ablation.pairs, ablation.pairs_design, ablation.terms)
        lines += [THREE] if len(ablation.members) > 2 else []
        shown.append((_pairs(ablation), lines))
    return shown


def _measured(ablation: Ablation) -> str:
    metric = ablation.metric
    terms = ablation.terms
    return ", ".join(
        filter(None, [terms.title(metric), terms.unit_of(metric, True), f"{ablation.at} weights"])
    )


def _stacks(ablation: Ablation) -> Table:
    metric = ablation.metric

    def row(one: Tried) -> list[str]:
        if one.figure is None:
            return [one.name, "0", "-"]
        spread = "" if one.figure.sd is None else f" ± {number(metric, one.figure.sd)}"
        return [one.name, str(len(one.seeds)), number(metric, one.figure.mean) + spread]

    heading = " ".join(filter(None, [ablation.terms.title(metric), ablation.terms.unit_of(metric)]))
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
    yield f"{head}: {in_full(ablation.metric, one.difference, ablation.terms)}, {tested(verdict)}"
