"""The response to one value of one member: where the best lies, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from regbench.analysis.choosing import one_rate
from regbench.analysis.cohorts import Cohort, Group
from regbench.analysis.notes import Notes, note_of, paired
from regbench.analysis.question import Question
from regbench.analysis.report import ALPHA, Design, Difference, Judge, Verdict
from regbench.analysis.splits import about, asked_of, is_over
from regbench.analysis.verdicts import (
    NOT_RESOLVED,
    design,
    difference,
    held_back,
    in_order,
    judge,
    judge_of,
)
from regbench.errors import counted, listed
from regbench.records.metrics import Terms, smaller_is_better
from regbench.stats.paired import bootstrap_best
from regbench.stats.paired_test import FIXED

UNDER, OVER, BEST = "under-regularized", "over-regularized", "as good as any"
BELOW, ABOVE = "below the best", "above the best"
WORSE = "worse than the best"


@dataclass(frozen=True)
class Point:
    """What one value came to.

    Attributes:
        value: None of a baseline that is the stack without the member.
        seeds: those whose runs count.
        missing: seeds that other values have, and this one has no finished run of.
        diverged: seeds of which a run diverged.
        score: the metric: mean and 95 % interval over the seeds, Student's or BCa's, as it is no verdict's;
            None where there is no run.
        gap: the generalization gap likewise.
        difference: score - the baseline's, paired by seed; None for the baseline, or where no seed is shared.
        verdict: on the difference, Holm over all values; None for the baseline.
        side: under-regularized, over-regularized, as good as any (within the interval of the best), worse
            than the best (within it too, but resolved as worse: two values apart trade the lead), below or
            above the best where nobody knows which way regularizes more; empty where it cannot be told, so of
            a value at which a seed diverged.
    """

    value: float | None
    seeds: list[int]
    missing: list[int]
    diverged: list[int]
    score: Difference | None
    gap: Difference | None
    difference: Difference | None
    verdict: Verdict | None
    side: str


@dataclass(frozen=True)
class Best:
    """The value of the best mean score, and the ends of its interval among those tried.

    Attributes:
        value: the best.
        low: None with a single seed.
        high: None with a single seed.
        seeds: those that all values have, which are what is drawn from.
        edge: whether it is the lowest or the highest value tried, so that a better one may lie outside.
    """

    value: float
    low: float | None
    high: float | None
    seeds: list[int]
    edge: bool


@dataclass(frozen=True)
class Response:
    """The response curve of one value under one set of conditions.

    Attributes:
        name: dataset, model, stack, and what sets it apart.
        key: what was swept, such as reg.dropout.p.
        metric: what scores and verdicts are of.
        gap_metric: what gaps are of.
        at: last or best, the snapshot that all metrics are of.
        off: the value at which the member does nothing; None where no value of this key alone does that.
        baseline: what the differences are to.
        points: by value; the baseline among them where it is a value.
        without: the baseline where it is the stack without the member; else None.
        best: None where a seed diverged at every value, or the others share no seed.
        design: what the tests can find; None where there is nothing to test.
        notes: sentences on what a person should know before believing it.
        judge: what verdicts, and the intervals beside them, are by.
        terms: what is predicted, and in which unit.
    """

    name: str
    key: str
    metric: str
    gap_metric: str
    at: str
    off: float | None
    baseline: Point | None
    points: list[Point]
    best: Best | None
    design: Design | None
    notes: list[str]
    judge: Judge
    terms: Terms = field(default=Terms())


@dataclass(frozen=True)
class Swept:
    """What was swept.

    Attributes:
        key: such as reg.dropout.p.
        values: all that should be there, in any order.
        off: towards which less of it regularizes less; None where that is unknown.
        by_law: whether the member does nothing at `off`, which then is the baseline; else that is the stack
            without the member.
    """

    key: str
    values: Sequence[float]
    off: float | None
    by_law: bool


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """The value of a key such as reg.dropout.p in a resolved configuration; None where it is not there."""
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def response(cohort: Cohort, swept: Swept, question: Question, name: str = "") -> Response:
    """The response curve of runs that differ in one value and the seed.

    Args:
        cohort: the runs of one set of conditions: at each value, and without the member where that is the
            baseline.
        swept: what was swept.
        question: the metric and the snapshot; its baseline is not used.
        name: of the curve.
    """
    question = asked_of(question, cohort)
    groups = {value_at(group.example.summary.config, swept.key): group for group in cohort.groups}
    values: list[float | None] = [*sorted(set(map(float, swept.values)))]
    base = swept.off if swept.by_law else None
    wanted = values if base in values else [*values, base]
    taken = {value: _notes_of(groups.get(value), question) for value in wanted}
    tested = {_named(v): paired(taken[v], taken[base], question.metric) for v in wanted if v != base}
    verdicts = judge(tested, question)
    against = groups[base].diverged if base in groups else ()
    everyone = sorted(
        {s for v in wanted for s in taken[v]} | {s for v in wanted if v in groups for s in groups[v].diverged}
    )
    terms = cohort.groups[0].example.summary.terms
    gap = f"gap/{question.metric.rpartition('/')[2]}"
    if not any(gap in note.figures for notes in taken.values() for note in notes.values()):
        gap = f"gap/{terms.decider.name}"

    def point(value: float | None) -> Point:
        notes, group = taken[value], groups.get(value)
        diverged = sorted(group.diverged) if group else []
        differences = tested.get(_named(value)) or []
        verdict = verdicts.get(_named(value))
        if verdict:
            others = set(everyone) - set(diverged) - set(against)
            verdict = in_order(verdict, [seed for seed in notes if seed in taken[base]], others, question)
        return Point(
            value=value,
            seeds=list(notes),
            missing=[seed for seed in everyone if seed not in notes and seed not in diverged],
            diverged=diverged,
            score=_interval(notes, question.metric),
            gap=_interval(notes, gap),
            difference=difference(differences, question.test) if differences else None,
            verdict=held_back(verdict, diverged, against, "the baseline") if verdict else None,
            side="",
        )

    made = {value: point(value) for value in wanted}
    tried = [v for v in values if v is not None and (made[v].seeds or made[v].diverged)]
    well = {value: taken[value] for value in tried if not made[value].diverged}
    best = _best(well, tried, swept.off, question)
    worse = _worse(well, best, question)
    if base in values:
        worse |= {v for v in tried if (known := made[v].verdict) and known.word == "worse"}
    side = _side_of(best, swept.off, worse)
    points = [
        made[value] if made[value].diverged else replace(made[value], side=side(value))
        for value in values
        if value is not None
    ]
    baseline = next((one for one in points if one.value == base), made[base])
    return Response(
        name=name,
        key=swept.key,
        metric=question.metric,
        gap_metric=gap,
        at=question.at,
        off=swept.off,
        baseline=baseline if baseline.seeds else None,
        points=points,
        best=best,
        design=design(tested, question.test, "values"),
        notes=[
            *_remarks(points, baseline, best, swept),
            *_splits(cohort),
            *one_rate(cohort.shared, what="values"),
        ],
        judge=judge_of(question, terms),
        terms=terms,
    )


def _splits(cohort: Cohort) -> list[str]:
    """What the curve is of: one split, or many, which the bootstrap takes for independent."""
    doubt = (
        "the interval of the best takes splits for independent, which they are not: it is too sure of itself"
    )
    return [about(cohort), *([doubt] if is_over(cohort.shared) else [])]


def _notes_of(group: Group | None, question: Question) -> Notes:
    results = group.results if group else {}
    notes = {seed: note_of(result, question.at) for seed, result in sorted(results.items())}
    return {seed: note for seed, note in notes.items() if question.metric in note.figures}


def _interval(notes: Notes, metric: str) -> Difference | None:
    """Mean and interval of a metric over the seeds, in the same form as a difference."""
    values = [note.figures[metric] for note in notes.values() if metric in note.figures]
    return difference(values, FIXED) if values else None


def _named(value: float | None) -> str:
    """A value as it is called among those tested; no two share a name."""
    return str(value).removesuffix(".0")


def _best(
    taken: Mapping[float, Notes], tried: Sequence[float], off: float | None, question: Question
) -> Best | None:
    """The best of the values, over the seeds that all of them have; of two that tie the one nearer to off.

    Args:
        taken: the runs at each value that may be the best.
        tried: all values, those that diverged among them.
        off: where the member does nothing.
        question: the metric.
    """
    taken = {value: notes for value, notes in taken.items() if notes}
    seeds = sorted(set.intersection(*(set(notes) for notes in taken.values()))) if taken else []
    if not seeds:
        return None
    values = sorted(taken, key=lambda value: (abs(value - off) if off is not None else 0.0, value))
    scores = np.array([[taken[value][seed].figures[question.metric] for seed in seeds] for value in values])
    smaller = smaller_is_better(question.metric)
    best, *ends = bootstrap_best(values, scores, smaller)
    ends += bootstrap_best(values[::-1], scores[::-1], smaller)[1:]  # of values that tie each is as good
    alone = len(seeds) == 1
    return Best(
        value=best,
        low=None if alone else min(ends),
        high=None if alone else max(ends),
        seeds=seeds,
        edge=len(tried) > 1 and best in (min(tried), max(tried)),
    )


def _worse(taken: Mapping[float, Notes], best: Best | None, question: Question) -> set[float]:
    """The values that are resolved as worse than the best, over the seeds that all of them have.

    Adjusted for all pairs of values, not those with the best alone, as the same runs have chosen it.

    Args:
        taken: the runs at each value that may be the best.
        best: of them.
        question: the metric and the test.
    """
    if best is None:
        return set()
    shared = {value: {seed: notes[seed] for seed in best.seeds} for value, notes in taken.items() if notes}
    everyone = {seed for notes in taken.values() for seed in notes}
    pairs = len(shared) * (len(shared) - 1) // 2
    found = set()
    for value, notes in shared.items():
        if value == best.value:
            continue
        differences = np.asarray(paired(notes, shared[best.value], question.metric))
        p = min(1.0, pairs * question.test.p(differences))
        verdict = Verdict("worse" if p <= ALPHA else NOT_RESOLVED, p, p, None)
        if in_order(verdict, best.seeds, everyone, question).word == "worse":
            found.add(value)
    return found


def _side_of(best: Best | None, off: float | None, worse: Collection[float]) -> Callable[[float | None], str]:
    """What a value is called: where it lies from the interval of the best, as seen from off.

    Args:
        best: with its interval.
        off: where the member does nothing.
        worse: values that are resolved as worse than another, wherever they lie.
    """

    def side(value: float | None) -> str:
        if best is None or best.low is None or best.high is None or value is None:
            return ""
        if best.low <= value <= best.high:
            return WORSE if value in worse and value != best.value else BEST
        if off is None:
            return BELOW if value < best.low else ABOVE
        if value < best.low:
            return UNDER if off <= value else OVER if off >= best.low else BELOW
        return UNDER if off >= value else OVER if off <= best.high else ABOVE

    return side


def _remarks(points: Sequence[Point], baseline: Point, best: Best | None, swept: Swept) -> list[str]:
    notes = []
    for one in points if baseline in points else [*points, baseline]:
        what = f"{one.value:g}" if one.value is not None else "the baseline"
        if one.diverged:
            notes.append(f"{what}: diverged with seed {listed(one.diverged)}, so it is not among the best")
        if one.missing:
            notes.append(f"{what}: no finished run with seed {listed(one.missing)}")
    if not baseline.seeds:
        notes.append("the baseline has no finished run, so there are no differences")
    return [*notes, *_about_best(points, best)]


def _about_best(points: Sequence[Point], best: Best | None) -> Iterator[str]:
    """Why there is no best, or over which seeds it is where some are left out."""
    diverged = any(one.diverged for one in points)
    sound = [one for one in points if one.seeds and not one.diverged]
    if best is None and not sound:
        why = "a seed diverged at every value that has run" if diverged else "no run has finished"
        yield f"{why}, so there is no best"
    elif best is None:
        where = " at which none diverged" if diverged else ""
        yield f"no seed has finished at all values{where}, so there is no best"
    elif best.seeds != sorted({seed for one in sound for seed in one.seeds}):
        out = [f"{one.value:g}" for one in points if one not in sound]
        besides = f", {listed(out)} left out" if out else ""
        yield f"the best is over the {counted(len(best.seeds), 'seed')} that all values have{besides}"
