"""What holds over several conditions: data sets, models, whatever was named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from regbench.analysis.across_report import WORDS, Across, Cell, Middle, Technique
from regbench.analysis.cohorts import Group, name_groups
from regbench.analysis.comparison import sorted_out
from regbench.analysis.conditions import Studied, conditions
from regbench.analysis.families import families
from regbench.analysis.notes import paired
from regbench.analysis.question import Question
from regbench.analysis.ranking import Ranking, ranking
from regbench.analysis.report import Arm, Difference, Report, Verdict
from regbench.analysis.splits import is_over
from regbench.analysis.verdicts import NO_MATTER, NOT_RESOLVED, difference, judge
from regbench.errors import ConfigError, counted, listed
from regbench.records.metrics import Terms, smaller_is_better
from regbench.records.reader import Found
from regbench.stats.aggregate import interquartile_mean
from regbench.stats.paired_test import FIXED

FEWEST = 3  # conditions, below which an interval over them says nothing
NO_UNIT = "a unit that nobody has said"
TARGET = "target"  # the unit of metrics that are in the targets' own
FEW = 10  # seeds


def across(found: Found, told: Report, question: Question, keys: Sequence[str]) -> Across:
    """What the comparisons of a report say together.

    Args:
        found: the runs that the report is of.
        told: the report.
        question: that it answers.
        keys: by which its comparisons are told apart, as `conditions.keys_of` gives them.

    Raises:
        ConfigError: they are no conditions of one question, or there is nothing to compare in two of them.
    """
    comparisons = {one.name: one for one in told.comparisons}
    cohorts = sorted_out(found, question)[0]
    studied, notes = conditions([(one, comparisons[one.name]) for one in cohorts], keys)
    arms, base = _arms(studied)
    cells = {
        name: [_cell(one, arm, question.metric) for one, arm in zip(studied, several, strict=True)]
        for name, several in arms.items()
        if name != base
    }
    _refuse_apart(cells)
    whole = {
        name: [arm for arm in several if arm]
        for name, several in arms.items()
        if name == base or all(cell.difference or cell.diverged for cell in cells[name])
    }
    ranked = ranking(whole, [one.comparison for one in studied])
    unaveraged = _unaveraged(studied, question.metric)
    means = {} if unaveraged else _over(cells, studied, base, question)
    techniques = []
    for name, several in cells.items():
        mean, verdict = means.get(name, (None, None))
        technique = Technique(
            name=name,
            members=next(arm.members for arm in arms[name] if arm),
            cells=several,
            counts={word: sum(one.verdict.word == word for one in several if one.verdict) for word in WORDS},
            mean=mean,
            verdict=verdict,
            middle=None if unaveraged else _middle(studied, arms[name], question.metric),
            rank=ranked.ranks.get(name) if isinstance(ranked, Ranking) else None,
        )
        techniques.append(technique)
    return Across(
        keys=list(keys),
        metric=question.metric,
        at=question.at,
        baseline=base,
        terms=_terms(studied),
        margin=question.margin,
        conditions=[one.condition for one in studied],
        techniques=_in_order(techniques, smaller_is_better(question.metric)),
        ranking=ranked if isinstance(ranked, Ranking) else None,
        unaveraged=unaveraged,
        families=families(techniques, studied, not unaveraged, ranked),
        notes=[*_about(techniques, studied, base, isinstance(ranked, Ranking)), *notes],
    )


def _arms(studied: Sequence[Studied]) -> tuple[dict[str, list[Arm | None]], str]:
    """The arm of every stack in each condition, under names that hold in all; and that of the baseline.

    Raises:
        ConfigError: the baseline is not the same stack everywhere.
    """
    first: dict[str, Group] = {}
    of_stack: list[dict[str, Arm]] = []
    for one in studied:
        named = {arm.name: arm for arm in one.comparison.arms}
        of_stack.append({group.stack: named[group.name] for group in one.cohort.groups})
        for group in one.cohort.groups:
            first.setdefault(group.stack, replace(group))
    name_groups(list(first.values()))
    bases = [
        next(stack for stack, arm in there.items() if arm.name == one.comparison.baseline)
        for one, there in zip(studied, of_stack, strict=True)
    ]
    for one, base in zip(studied, bases, strict=True):
        if base != bases[0]:
            raise ConfigError(
                "compare: --across: the baseline must be one stack in all conditions, got "
                f"{first[bases[0]].name} in {studied[0].condition.name} and {first[base].name} in "
                f"{one.condition.name}"
            )
    found = {group.name: [there.get(stack) for there in of_stack] for stack, group in first.items()}
    return found, first[bases[0]].name


def _cell(one: Studied, arm: Arm | None, metric: str) -> Cell:
    name = one.condition.name
    if arm is None:
        return Cell(name, None, None, [], "not run")
    known = arm.differences.get(metric)
    if known:
        return Cell(name, known, arm.verdict, arm.diverged)
    return Cell(name, None, None, arm.diverged, "diverged" if arm.diverged else "no seed is shared")


def _refuse_apart(cells: Mapping[str, Sequence[Cell]]) -> None:
    """Refuse conditions in which no technique meets the baseline twice."""
    if not any(sum(cell.difference is not None for cell in several) > 1 for several in cells.values()):
        raise ConfigError(
            "compare: --across: a technique must be compared with the baseline in two conditions or more, "
            "and none is"
        )


def _terms(studied: Sequence[Studied]) -> Terms:
    every = [one.comparison.terms for one in studied]
    return every[0] if all(one == every[0] for one in every) else Terms(every[0].task)


def _unaveraged(studied: Sequence[Studied], metric: str) -> str:
    """Why differences of a metric are not on one scale; empty where they are: shares, nats, one unit."""
    first = studied[0]
    title = first.comparison.terms.title(metric)
    row = first.comparison.terms.of(metric)
    for one in studied[1:]:
        names = [two.condition.name for two in (first, one)]
        units = [_scale(two, metric) for two in (first, one)]
        if units[0] != units[1]:
            told = [f"{unit or NO_UNIT} in {name}" for unit, name in zip(units, names, strict=True)]
            return f"differences in {title} are not averaged: their scale is {' and '.join(told)}"
        if (row is None or row.unit == TARGET) and not units[0] and _data(one) != _data(first):
            return (
                f"differences in {title} are not averaged: nobody has said its unit, and {names[0]} and "
                f"{names[1]} have other data"
            )
    return ""


def _scale(one: Studied, metric: str) -> str:
    """The unit of a metric's differences; of a loss on numbers, which are standardized, which loss it is."""
    targets = one.cohort.groups[0].example.summary.targets
    if targets is not None and metric.endswith("/loss"):
        return f"{targets.loss} loss"
    return one.comparison.terms.unit_of(metric, True)


def _data(one: Studied) -> dict[str, Any]:
    """What the rows come from."""
    return {key: value for key, value in one.cohort.shared.items() if key.startswith("dataset.")}


def _over(
    cells: Mapping[str, Sequence[Cell]], studied: Sequence[Studied], base: str, question: Question
) -> dict[str, tuple[Difference | None, Verdict | None]]:
    """The mean over conditions and its verdict, all techniques one family, conditions the unit."""
    family = {
        name: [cell.difference.mean for cell in several if cell.difference] for name, several in cells.items()
    }
    verdicts = judge(family, replace(question, test=FIXED))
    lost = [one.condition.name for one in studied if one.comparison.arms[0].diverged]
    found: dict[str, tuple[Difference | None, Verdict | None]] = {}
    for name, values in family.items():
        if not values:
            found[name] = None, None
            continue
        mean = difference(values, FIXED)
        if len(values) < FEWEST:
            mean = replace(mean, low=None, high=None, method="")
        own = [cell.condition for cell in cells[name] if cell.diverged]
        found[name] = mean, _held_back(verdicts[name], own, lost, base)
    return found


def _held_back(verdict: Verdict, own: Sequence[str], against: Sequence[str], base: str) -> Verdict:
    """No verdict in favour of a stack that diverged anywhere, nor that it makes no difference."""
    other = verdict.word == "worse" or (verdict.word == NO_MATTER and not own)
    where, whose = (against, f"{base} ") if other else (own, "")
    if not where or verdict.word == NOT_RESOLVED:
        return verdict
    return replace(verdict, word=NOT_RESOLVED, reason=f"{whose}diverged in {listed(where, 3)}")


def _middle(studied: Sequence[Studied], arms: Sequence[Arm | None], metric: str) -> Middle | None:
    """Of the paired differences of all runs."""
    strata = []
    for one, arm in zip(studied, arms, strict=True):
        base = {run.seed: run for run in one.comparison.arms[0].runs}
        values = paired({run.seed: run for run in arm.runs}, base, metric) if arm else []
        strata += [values] if values else []
    if not strata:
        return None
    middle = interquartile_mean(strata)
    over = any(
        is_over(one.cohort.shared) for one in studied
    )  # splits share rows, and so differences hang together
    return Middle(middle.mean, None, None) if over else Middle(*middle)


def _in_order(techniques: Sequence[Technique], smaller: bool) -> list[Technique]:
    """The best mean rank first; of those without one the best mean difference."""
    sign = 1 if smaller else -1

    def place(one: Technique) -> tuple[bool, float, float, str]:
        return one.rank is None, one.rank or 0.0, sign * one.mean.mean if one.mean else 0.0, one.name

    return sorted(techniques, key=place)


def _about(
    techniques: Sequence[Technique], studied: Sequence[Studied], base: str, ranked: bool
) -> Iterator[str]:
    """What is missing or went wrong, and where.

    Args:
        techniques: all.
        studied: the conditions.
        base: the name of the baseline.
        ranked: whether there are ranks.
    """
    for one in techniques:
        gone = [f"{cell.condition} ({cell.missing})" for cell in one.cells if cell.missing]
        if gone:
            words = [f"{one.name}: nothing to compare in {listed(gone)}"]
            words += [f"its mean is over {counted(one.mean.n, 'condition')}"] if one.mean else []
            words += ["it is left out of the ranks"] if ranked and one.rank is None else []
            yield "; ".join(words)
        lost = [f"{cell.condition} (seed {listed(cell.diverged)})" for cell in one.cells if cell.diverged]
        if lost:
            words = ["ranks last there"] if one.rank is not None else []
            words += ["is not called better over the conditions"] if one.mean else []
            yield f"{one.name}: diverged in {listed(lost)}{': it ' if words else ''}{', and '.join(words)}"
    lost = [one.condition.name for one in studied if one.comparison.arms[0].diverged]
    if lost:
        yield f"{base} diverged in {listed(lost)}{', where it ranks last' if ranked else ''}"
    own = [one.condition.name for one in studied if one.comparison.notes]
    if own:
        yield f"there are notes on {listed(own, 3)}: `regbench compare` without --across has them"
    pairs = [cell.difference.n for one in techniques for cell in one.cells if cell.difference]
    if pairs and min(pairs) < FEW and any(one.middle and one.middle.low is not None for one in techniques):
        yield (
            f"a bootstrap over fewer than {FEW} seeds of a condition is too sure of itself: take the "
            "intervals of interquartile means as hints"
        )
