"""What each member of a stack adds, alone and to the rest, and whether pairs of them add up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from regbench.analysis.choosing import one_rate
from regbench.analysis.cohorts import Cohort, Group
from regbench.analysis.comparison import interactions, interactions_design
from regbench.analysis.notes import Notes, note_of, paired, spread
from regbench.analysis.question import Question
from regbench.analysis.report import Design, Difference, Interaction, Judge, Spread, Verdict
from regbench.analysis.verdicts import design, difference, held_back, in_order, judge, judge_of
from regbench.errors import listed
from regbench.records.metrics import Terms

Members = tuple[str, ...]  # names of a stack's first level, in order; () is the baseline
BASELINE = "baseline"


@dataclass(frozen=True)
class Tried:
    """One stack of an ablation.

    Attributes:
        name: its members joined by `+`, or `baseline`.
        members: in order.
        seeds: those whose runs count.
        missing: seeds that other stacks have, and this one has no finished run of with the metric measured.
        diverged: seeds of which a run diverged.
        figure: the metric over the seeds; None where there is none.
    """

    name: str
    members: Members
    seeds: list[int]
    missing: list[int]
    diverged: list[int]
    figure: Spread | None


@dataclass(frozen=True)
class Effect:
    """What one stack has over another, over the seeds that both have.

    Attributes:
        member: whose effect it is; `all` of the whole stack.
        stack: the stack with it.
        against: the stack without it.
        seeds: the pairs.
        difference: stack - against; None where no seed is shared.
        verdict: better, worse or not resolved, Holm over its family.
    """

    member: str
    stack: str
    against: str
    seeds: list[int]
    difference: Difference | None
    verdict: Verdict


@dataclass(frozen=True)
class Family:
    """Effects that were tested together, and what such a family can find."""

    effects: list[Effect]
    design: Design | None


@dataclass(frozen=True)
class Ablation:
    """What was found of one stack under one set of conditions.

    Attributes:
        name: dataset, model, stack, and what sets it apart.
        metric: what the verdicts are on.
        at: last or best, the snapshot that all metrics are of.
        members: of the whole stack, in order.
        stacks: all that were asked for.
        solo: each member alone, against none.
        leave_one_out: all, against all but each one; empty for a single member.
        together: all, against none; empty for a single member.
        pairs: interactions of those pairs that were run, at the empty stack.
        pairs_design: what the tests of them can find; None where there is none.
        notes: sentences on what a person should know before believing it.
        judge: what verdicts and intervals are by.
        terms: what is predicted, and in which unit.
    """

    name: str
    metric: str
    at: str
    members: Members
    stacks: list[Tried]
    solo: Family
    leave_one_out: Family
    together: Family
    pairs: list[Interaction]
    pairs_design: Design | None
    notes: list[str]
    judge: Judge
    terms: Terms = field(default=Terms())


def subsets(members: Sequence[str], pairs: bool = False, factorial: bool = False) -> list[Members]:
    """The stacks of an ablation, each once: none, each alone, all, all but each one; then what is asked for.

    Args:
        members: of the whole stack, in order, which every subset keeps.
        pairs: every pair too.
        factorial: every subset too.
    """
    whole = tuple(members)
    found = [(), *((name,) for name in whole), whole]
    found += [tuple(kept for kept in whole if kept != name) for name in whole]
    if pairs:
        found += combinations(whole, 2)
    if factorial:
        found += [some for count in range(len(whole) + 1) for some in combinations(whole, count)]
    return list(dict.fromkeys(found))


def name_of(members: Sequence[str]) -> str:
    """How a stack is called: its members joined by `+`, or `baseline`."""
    return "+".join(members) or BASELINE


def members_of(group: Group) -> Members:
    """The names on the first level of a group's stack."""
    return tuple(json.loads(part)[0] for part in group.parts)


def ablate(cohort: Cohort, stacks: Sequence[Members], question: Question, name: str = "") -> Ablation:
    """All effects among the stacks of one ablation.

    Args:
        cohort: the runs of one ablation: one set of conditions, and one set of values for each member.
        stacks: all that should be there, the whole stack among them, as `subsets` gives them.
        question: the metric and the snapshot; its baseline is not used.
        name: of the ablation.
    """
    found = _Found(cohort, stacks, question)
    whole = max(stacks, key=len)
    several = len(whole) > 1
    solo = [(member, (member,), ()) for member in whole]
    rest = [(member, whole, tuple(m for m in whole if m != member)) for member in whole if several]
    tried = [found.tried(members) for members in stacks]
    pairs, terms = found.pairs(whole), cohort.groups[0].example.summary.terms
    return Ablation(
        name=name,
        metric=question.metric,
        at=question.at,
        members=whole,
        stacks=tried,
        solo=found.family(solo),
        leave_one_out=found.family(rest),
        together=found.family([("all", whole, ())] if several else [], "stacks"),
        pairs=pairs,
        pairs_design=interactions_design(pairs, question.test),
        notes=[*_notes(tried), *one_rate(cohort.shared)],
        judge=judge_of(question, terms),
        terms=terms,
    )


class _Found:
    """The runs of an ablation, by stack and seed."""

    def __init__(self, cohort: Cohort, stacks: Sequence[Members], question: Question) -> None:
        self.question, self.metric = question, question.metric
        self.groups = {members_of(group): group for group in cohort.groups}
        self.notes: dict[Members, Notes] = {}
        for members in stacks:
            results = self.groups[members].results if members in self.groups else {}
            notes = {seed: note_of(result, question.at) for seed, result in sorted(results.items())}
            self.notes[members] = {s: note for s, note in notes.items() if self.metric in note.figures}
        known = [*self.notes.values(), *(group.diverged for group in cohort.groups)]
        self.seeds = sorted({seed for one in known for seed in one})

    def diverged(self, members: Members) -> list[int]:
        return sorted(self.groups[members].diverged) if members in self.groups else []

    def tried(self, members: Members) -> Tried:
        notes, diverged = self.notes[members], self.diverged(members)
        values = [note.figures[self.metric] for note in notes.values()]
        return Tried(
            name=name_of(members),
            members=members,
            seeds=list(notes),
            missing=[seed for seed in self.seeds if seed not in notes and seed not in diverged],
            diverged=diverged,
            figure=spread(values) if values else None,
        )

    def family(self, wanted: Sequence[tuple[str, Members, Members]], what: str = "members") -> Family:
        """The effects of members, each given by the stack with it and that without it."""
        tested = {
            member: paired(self.notes[stack], self.notes[against], self.metric)
            for member, stack, against in wanted
        }
        verdicts = judge(tested, self.question)
        effects = []
        for member, stack, against in wanted:
            lost = self.diverged(stack), self.diverged(against)
            seeds = [seed for seed in self.notes[stack] if seed in self.notes[against]]
            others = {seed for seed in self.seeds if seed not in lost[0] and seed not in lost[1]}
            verdict = in_order(verdicts[member], seeds, others, self.question)
            effects.append(
                Effect(
                    member=member,
                    stack=name_of(stack),
                    against=name_of(against),
                    seeds=seeds,
                    difference=difference(tested[member], self.question.test) if tested[member] else None,
                    verdict=held_back(verdict, *lost, name_of(against)),
                )
            )
        return Family(effects, design(tested, self.question.test, what))

    def pairs(self, whole: Members) -> list[Interaction]:
        """Of every pair that was run, beside each alone and the empty stack, in the order of the members."""
        groups = {members: self.groups[members] for members in self.notes if members in self.groups}
        taken = {group.name: self.notes[members] for members, group in groups.items()}
        known = {one.members: one for one in interactions(list(groups.values()), taken, self.question)}
        pairs = []
        for first, second in combinations(whole, 2):
            if (first,) in groups and (second,) in groups:
                one = known.get((groups[(first,)].name, groups[(second,)].name))
                pairs += [replace(one, members=(first, second))] if one else []
        return pairs


def _notes(stacks: Sequence[Tried]) -> list[str]:
    notes = []
    for one in stacks:
        if one.diverged:
            notes.append(f"{one.name}: diverged with seed {listed(one.diverged)}")
        if one.missing:
            notes.append(
                f"{one.name}: no finished run with seed {listed(one.missing)}; "
                "what it is compared with counts over the other seeds alone"
            )
    return notes
