"""Cohorts in, a report out."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import permutations

from regbench import __version__
from regbench.analysis.choosing import Choice, Place, about, choose, chosen, one_rate, place_of
from regbench.analysis.cohorts import Cohort, Group, cohorts, shown
from regbench.analysis.notes import Notes, curves, note_of, of_few_rows, paired, reliability, spreads
from regbench.analysis.per_class import classes_of, is_uneven, per_class
from regbench.analysis.question import Question
from regbench.analysis.report import Arm, Chosen, Comparison, Design, Interaction, Report, Verdict
from regbench.analysis.splits import asked_of, over_splits, told_apart
from regbench.analysis.verdicts import design, differences, held_back, in_order, judge, judge_of
from regbench.errors import counted, listed
from regbench.records.metrics import is_percent, smaller_is_better
from regbench.records.reader import Excluded, Found, Result, printable
from regbench.stats.paired import sampling_error
from regbench.stats.paired_test import PairedTest

COSTS = ("seconds", "examples_per_s", "flops")
ROUNDING = 1e-12  # of the figures that differences are of


def report(found: Found, question: Question) -> Report:
    """Everything that the runs say, and everything that was left out."""
    made, duplicates, choices, unchosen = sorted_out(found, question)
    readers = [result for result in over_splits(found.results) if result.summary.reads]
    comparisons = []
    for cohort in made:
        one = compare(cohort, question, choices)
        told = _other_reads(cohort, readers, question.best_of)
        comparisons.append(replace(one, notes=[*one.notes, *told]))
    comparisons.sort(key=lambda one: one.name)
    return Report(
        regbench=__version__,
        comparisons=comparisons,
        excluded=[*found.excluded, *unchosen],
        duplicates=duplicates,
        complaints=found.complaints,
    )


def _other_reads(cohort: Cohort, readers: Iterable[Result], keys: Collection[str]) -> Iterator[str]:
    """A sentence on the runs under a cohort's conditions that read the test split and do not count in it.

    Such as one of which a newer run counts, one that diverged, and one at a value that was not chosen: who
    has read test with it knows what test says, whichever runs are compared.

    Args:
        cohort: whose runs count.
        readers: all runs that have read it.
        keys: of which the best value was chosen, so that they are no condition.
    """
    counting = {result.folder for group in cohort.groups for result in group.results.values()}
    others = [
        f"{result.folder} ({counted(result.summary.reads, 'reading')})"
        for result in sorted(readers, key=lambda one: one.folder)
        if result.folder not in counting
        and {key: value for key, value in result.shared.items() if key not in keys} == cohort.shared
    ]
    if others:
        runs = counted(len(others), "run")
        yield f"the test split was read by {runs} not counted here: {listed(others, 5)}"


def sorted_out(
    found: Found, question: Question
) -> tuple[list[Cohort], list[Excluded], dict[Place, Choice], list[Excluded]]:
    """The cohorts; runs of which a newer one counts; what was chosen; runs of which none could be."""
    results, choices, unchosen = choose(over_splits(found.results), question.best_of, question.at)
    made, duplicates = cohorts(results)
    return made, duplicates, choices, unchosen


def compare(cohort: Cohort, question: Question, choices: Mapping[Place, Choice] | None = None) -> Comparison:
    """The comparison of all stacks that were run under the same conditions.

    Args:
        cohort: these stacks with their runs.
        question: what is asked of them.
        choices: of the values of `question.best_of`, by stack.
    """
    question = asked_of(question, cohort)
    taken = notes_of(cohort, question.at)
    baseline = baseline_of(cohort, question)
    base = taken[baseline] if baseline is not None else {}
    family = family_of(taken, baseline, question.metric)
    verdicts = verdicts_of(cohort, family, question)
    classes = classes_of(result for group in cohort.groups for result in group.results.values())
    arms = [
        _arm(group, taken[group.name], base, verdicts.get(group.name), question) for group in cohort.groups
    ]
    arms = [
        replace(arm, per_class=per_class(list(group.results.values()), question.at, len(classes)))
        for arm, group in zip(arms, cohort.groups, strict=True)
    ]
    arms = _in_order(_with_missing(arms), baseline, question.metric)
    rows = cohort.groups[0].example.summary.rows
    terms = cohort.groups[0].example.summary.terms
    judged = arms[0].figures.get(terms.judged) if baseline is not None else None
    share = is_percent(terms.judged)  # of rows, whose number alone then says how sure it is
    facts, differing = environment(cohort.groups)
    pairs = interactions(cohort.groups, taken, question)
    picks = _picks(cohort, arms, question, choices or {})
    return Comparison(
        name=cohort.name,
        differs=cohort.differs,
        config=dict(cohort.shared),
        metric=question.metric,
        at=question.at,
        baseline=baseline,
        rows=asdict(rows),
        sampling_error=sampling_error(judged.mean, rows.val) if judged and share else None,
        seed_spread=judged.sd if judged else None,
        design=design(family, question.test),
        arms=arms,
        interactions=pairs,
        interactions_design=interactions_design(pairs, question.test),
        environment=facts,
        notes=[
            *_about(baseline, arms, question),
            *differing,
            *told_apart(cohort),
            *of_few_rows([result for group in cohort.groups for result in group.results.values()]),
            *_rates(cohort, question, picks),
        ],
        classes=classes,
        uneven=is_uneven(cohort.groups[0].example.summary),
        chosen=picks,
        judge=judge_of(question, terms),
        terms=terms,
    )


def _picks(
    cohort: Cohort, arms: Sequence[Arm], question: Question, choices: Mapping[Place, Choice]
) -> list[Chosen]:
    """The values that were chosen, in the order of the arms."""
    places = {group.name: place_of(cohort.shared, group.stack) for group in cohort.groups}
    found = {arm.name: choices[places[arm.name]] for arm in arms if places[arm.name] in choices}
    return chosen(question.best_of, found)


def _rates(cohort: Cohort, question: Question, picks: Sequence[Chosen]) -> list[str]:
    """What is to be said of the learning rates, where there is something to compare."""
    summary = cohort.groups[0].example.summary
    said = about(picks, summary.terms.title(summary.monitor))
    if len(cohort.groups) < 2:
        return said
    return [*said, *one_rate(cohort.shared, cohort.differs)]


def notes_of(cohort: Cohort, at: str) -> dict[str, Notes]:
    """The runs that count, under the name of their group."""
    return {
        group.name: {seed: note_of(result, at) for seed, result in sorted(group.results.items())}
        for group in cohort.groups
    }


def baseline_of(cohort: Cohort, question: Question) -> str | None:
    """The name of the group to compare with; None where it is not there."""
    if question.baseline is not None:
        names = [group.name for group in cohort.groups]
        return question.baseline if question.baseline in names else None
    return next((group.name for group in cohort.groups if not group.parts), None)


def family_of(taken: Mapping[str, Notes], baseline: str | None, metric: str) -> dict[str, list[float]]:
    """The paired differences of every group to the baseline, one family of tests; none without it."""
    if baseline is None:
        return {}
    base = taken[baseline]
    return {name: paired(notes, base, metric) for name, notes in taken.items() if name != baseline}


def verdicts_of(
    cohort: Cohort, family: Mapping[str, Sequence[float]], question: Question
) -> dict[str, Verdict]:
    """A verdict on each of the family, none in favour of a stack of which a seed diverged."""
    verdicts = judge(family, question)
    diverged = {group.name: group.diverged for group in cohort.groups}
    baseline = baseline_of(cohort, question)
    if baseline is None:
        return verdicts
    seeds = {group.name: set(group.results) for group in cohort.groups}
    everyone = set().union(*seeds.values())

    def told(name: str, verdict: Verdict) -> Verdict:
        lost = diverged[name] | diverged[baseline]
        verdict = in_order(verdict, seeds[name] & seeds[baseline], everyone - lost, question)
        return held_back(verdict, diverged[name], diverged[baseline], baseline)

    return {name: told(name, verdict) for name, verdict in verdicts.items()}


def _arm(group: Group, notes: Notes, base: Notes, verdict: Verdict | None, question: Question) -> Arm:
    results = [group.results[seed] for seed in sorted(group.results)]
    figures = spreads(notes.values())
    itself = verdict is None and notes == base
    against = {} if itself else _against(notes, base, figures)
    return Arm(
        name=group.name,
        members=[
            {"name": printable(m.name), "values": dict(m.values), "off": dict(m.off)} for m in group.members
        ],
        seeds=list(notes),
        paired=[seed for seed in notes if seed in base],
        diverged=sorted(group.diverged),
        missing=[],
        figures=figures,
        differences=dict(zip(against, differences(against.values(), question.test), strict=True)),
        cost=_cost(notes, base),
        verdict=verdict,
        curves=curves(results),
        reliability=reliability(results, question.at),
        test_reads=max((r.summary.reads for r in results), default=0),
        runs=list(notes.values()),
    )


def _against(notes: Notes, base: Notes, figures: Iterable[str]) -> dict[str, list[float]]:
    """The paired differences to the baseline of each metric that has any."""
    found = {name: paired(notes, base, name) for name in figures if "/" in name}
    return {name: values for name, values in found.items() if values}


def _cost(notes: Notes, base: Notes) -> dict[str, float]:
    """What each costs in multiples of the baseline: the median over the pairs."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for seed in notes.keys() & base.keys():
        for name in COSTS:
            own, other = notes[seed].figures.get(name), base[seed].figures.get(name)
            if own is not None and other:
                ratios[name].append(own / other)
    return {name: statistics.median(ratios[name]) for name in COSTS if name in ratios}


def _with_missing(arms: Sequence[Arm]) -> list[Arm]:
    """Tell each arm which seeds the others have."""
    everyone = {seed for arm in arms for seed in (*arm.seeds, *arm.diverged)}
    return [replace(arm, missing=sorted(everyone - {*arm.seeds, *arm.diverged})) for arm in arms]


def _in_order(arms: Iterable[Arm], baseline: str | None, metric: str) -> list[Arm]:
    """The baseline first, then the best differences; arms without one last, by name."""
    sign = 1 if smaller_is_better(metric) else -1

    def place(arm: Arm) -> tuple[bool, bool, float, str]:
        known = arm.differences.get(metric)
        return arm.name != baseline, known is None, sign * known.mean if known else 0.0, arm.name

    return sorted(arms, key=place)


def interactions(
    groups: Sequence[Group], taken: Mapping[str, Notes], question: Question
) -> list[Interaction]:
    """Of every pair of members that was run alone and together, beside the empty stack.

    The interaction of a and b is, seed by seed, (ab - none) - (a - none) - (b - none).
    """
    by_parts = {group.parts: group for group in groups}
    none = by_parts.get(())
    if none is None:
        return []
    found: dict[str, tuple[list[Group], list[int], list[list[float]]]] = {}
    alone = [parts for parts in by_parts if len(parts) == 1]
    for first, second in permutations(alone, 2):
        both = by_parts.get((*first, *second))
        if both is not None:
            four = [by_parts[first], by_parts[second], both, none]
            found[both.name] = (four, *_columns([taken[group.name] for group in four], question.metric))
    family = {name: columns[-1] for name, (_, _, columns) in found.items()}
    verdicts = judge(family, replace(question, margin=None), ("synergy", "overlap"))
    made = []
    for name, (four, seeds, columns) in sorted(found.items()):
        if seeds:
            members = (four[0].name, four[1].name)
            lost = {seed for group in four for seed in group.diverged}
            everyone = {seed for notes in taken.values() for seed in notes}
            verdict = held_back(in_order(verdicts[name], seeds, everyone - lost, question), lost)
            first_alone, second_alone, summed, together, left = differences(columns, question.test)
            made.append(
                Interaction(members, seeds, first_alone, second_alone, summed, together, left, verdict)
            )
    return made


def _columns(four: Sequence[Notes], metric: str) -> tuple[list[int], list[list[float]]]:
    """The seeds that all have, and at each of them what an `Interaction` has, in its order."""
    first, second, both, none = four
    seeds = [seed for seed in none if all(seed in one and metric in one[seed].figures for one in four)]
    value = [[one[seed].figures[metric] for seed in seeds] for one in (first, second, both, none)]
    a, b, together = ([x - base for x, base in zip(column, value[3], strict=True)] for column in value[:3])
    summed = [x + y for x, y in zip(a, b, strict=True)]
    left = [x - y for x, y in zip(together, summed, strict=True)]
    sizes = [sum(map(abs, four)) for four in zip(*value, strict=True)]
    # What rounding leaves has a sign that is no coin toss.
    left = [0.0 if abs(x) <= ROUNDING * size else x for x, size in zip(left, sizes, strict=True)]
    return seeds, [a, b, summed, together, left]


def interactions_design(pairs: Iterable[Interaction], test: PairedTest) -> Design | None:
    """What the tests of interactions can find; None where there is none."""
    return design({" and ".join(pair.members): pair.seeds for pair in pairs}, test, "interactions")


OF_EACH = ("command", "replicas")  # facts of one run that say nothing of its machine


def environment(groups: Sequence[Group]) -> tuple[dict[str, list[str]], list[str]]:
    """Every fact of machine and versions with its values, and a sentence on each that has several."""
    alike: dict[str, list[str]] = defaultdict(list)  # folders, by what their runs ran in
    for result in (r for group in groups for _, r in sorted(group.results.items())):
        facts = {name: value for name, value in result.environment.items() if name not in OF_EACH}
        alike[json.dumps(facts, sort_keys=True, default=str)].append(result.folder)
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for text, folders in alike.items():
        for name, value in json.loads(text).items():
            found[name.removeprefix("packages.")][shown(value)] += folders
    notes = [
        f"{name} differs: " + "; ".join(f"{value} ({_runs(f)})" for value, f in sorted(values.items()))
        for name, values in sorted(found.items())
        if len(values) > 1
    ]
    return {name: sorted(values) for name, values in sorted(found.items())}, notes


def _runs(folders: Sequence[str]) -> str:
    return f"{len(folders)} runs" if len(folders) > 1 else folders[0]


def _about(baseline: str | None, arms: Sequence[Arm], question: Question) -> list[str]:
    """What a person should know before believing the figures."""
    notes = []
    if baseline is None:
        want = (
            f"no arm is called {question.baseline}" if question.baseline else "the empty stack is not there"
        )
        notes.append(f"there is no baseline: {want}, so there are no differences")
    for arm in arms:
        if arm.diverged:
            notes.append(f"{arm.name}: diverged with seed {listed(arm.diverged)}")
        if arm.missing:
            notes.append(f"{arm.name}: no finished run with seed {listed(arm.missing)}")
        lacking = [run.seed for run in arm.runs if question.metric not in run.figures]
        if lacking:
            notes.append(f"{arm.name}: {question.metric} was not measured with seed {listed(lacking)}")
        notes += [f"{arm.name}: {one}" for one in _of_fewer(arm)]
    return notes


def _of_fewer(arm: Arm) -> Iterator[str]:
    """A sentence on the figures that only some of the runs have, one for those of the same split and runs."""
    alike: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for name, known in arm.figures.items():
        if known.n < len(arm.seeds):
            seeds = tuple(run.seed for run in arm.runs if name in run.figures)
            alike[name.partition("/")[0], seeds].append(name)
    for (split, seeds), names in sorted(alike.items()):
        whole = len(names) == sum(name.partition("/")[0] == split for name in arm.figures)
        several = len(names) > 1 and not whole
        verb = f"{'were' if several else 'was'} {'read' if split == 'test' and whole else 'measured'}"
        yield (
            f"{split if whole else listed(names)} {verb} with {len(seeds)} of "
            f"{counted(len(arm.seeds), 'seed')}; {'their' if several else 'its'} figures are of "
            f"{'these' if len(seeds) > 1 else 'this one'}"
        )
