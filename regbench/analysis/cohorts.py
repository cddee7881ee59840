"""Results that may be compared: alike in all but the stack and the seed, one for each of these."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from regbench.records.form import EXACT
from regbench.records.identity import flattened
from regbench.records.reader import Excluded, Result, printable
from regbench.records.summary import Member

ABSENT = "absent"  # stands for the value of a key that a configuration lacks; null is a value


@dataclass
class Group:
    """The runs of one stack.

    Attributes:
        stack: the members with their values, as one text; equal for equal stacks.
        parts: the same of each member.
        example: the newest of its runs, diverged ones included.
        name: how it is shown, unique within its cohort.
        results: by seed, the newest finished run of each.
        diverged: seeds of which any run diverged.
    """

    stack: str
    parts: tuple[str, ...]
    example: Result = field(repr=False)
    name: str = ""
    results: dict[int, Result] = field(default_factory=dict)
    diverged: set[int] = field(default_factory=set)

    @property
    def members(self) -> list[Member]:
        """As the record of any of its runs has them."""
        return self.example.summary.stack


@dataclass
class Cohort:
    """All stacks that were run under the same conditions.

    Attributes:
        shared: these conditions, every key with its value.
        groups: the stacks.
        differs: those keys, with their values, that set the cohort apart from the others.
        name: dataset and model, and what sets it apart; unique.
    """

    shared: Mapping[str, Any]
    groups: list[Group]
    differs: dict[str, Any] = field(default_factory=dict)
    name: str = ""


def cohorts(results: Iterable[Result]) -> tuple[list[Cohort], list[Excluded]]:
    """Results sorted into cohorts and groups, and the finished runs of which a newer one counts."""
    by_conditions: dict[str, list[Result]] = defaultdict(list)
    texts: dict[int, str] = {}  # thousands of runs share one mapping
    for result in sorted(results, key=_age):
        if (known := id(result.shared)) not in texts:
            texts[known] = json.dumps(result.shared, sort_keys=True, default=str)
        by_conditions[texts[known]].append(result)
    duplicates: list[Excluded] = []
    made = [
        Cohort(members[0].shared, _groups(members, duplicates))
        for _, members in sorted(by_conditions.items())
    ]
    for cohort, differs in zip(made, differing([cohort.shared for cohort in made]), strict=True):
        cohort.differs = differs
        cohort.name = _conditions(cohort)
        name_groups(cohort.groups)
    _tell_apart(made)
    return made, sorted(set(duplicates), key=lambda one: one.folder)  # a run may be of two cohorts


def regardless_of(results: Iterable[Result], keys: Collection[str]) -> list[Result]:
    """The results as if they had been run with the same values of these keys.

    For runs of which each has the values that were tuned for its stack: they are a part of what is compared.
    """
    return [
        replace(one, shared={key: value for key, value in one.shared.items() if key not in keys})
        for one in results
    ]


def _conditions(cohort: Cohort) -> str:
    choices = cohort.groups[0].example.summary.choices
    words = [printable(choices.get(name, "?")) for name in ("dataset", "model")]
    return " ".join([*words, *(f"{key}={shown(value)}" for key, value in cohort.differs.items())])


def _age(result: Result) -> tuple[str, str]:
    """Sorts the older first; runs that ended at once, which copies do, by their folders."""
    return result.summary.ended, result.folder


def _groups(results: Sequence[Result], duplicates: list[Excluded]) -> list[Group]:
    groups: dict[str, Group] = {}
    for result in results:  # the newest last
        group = groups.setdefault(result.stack, Group(result.stack, result.parts, result))
        group.example = result
        if not result.ended:
            group.diverged.add(result.seed)
            continue
        older = group.results.get(result.seed)
        if older:
            duplicates.append(Excluded(older.folder, f"{result.folder} is newer and counts"))
        group.results[result.seed] = result
    return [groups[stack] for stack in sorted(groups)]


def differing(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of flat configurations, those keys of each that are not the same in all; see `ABSENT`."""
    keys = sorted({key for config in configs for key in config})
    unequal = [key for key in keys if len({_text(config, key) for config in configs}) > 1]
    return [{key: config.get(key, ABSENT) for key in unequal} for config in configs]


def _text(config: Mapping[str, Any], key: str) -> str | None:
    """A value as a text that no other value has."""
    return json.dumps(config[key], sort_keys=True, default=str) if key in config else None


def name_groups(groups: Sequence[Group]) -> None:
    """Call each group by its members, and where several have the same, by the values in which they differ."""
    alike: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        alike[printable(group.example.summary.name)].append(group)
    for name, several in alike.items():
        values = [_values(group) for group in several]
        for group, differs in zip(several, differing(values), strict=True):
            one = len(group.members) == 1
            words = [
                f"{key.partition('.')[2] if one else key}={shown(value)}" for key, value in differs.items()
            ]
            group.name = " ".join([name, *map(printable, words)])
    _tell_apart(groups)  # stacks may differ in nothing that is shown


def _tell_apart(several: Iterable[Group | Cohort]) -> None:
    """Mark names that an earlier one has."""
    taken: set[str] = set()
    for one in several:
        while one.name in taken:
            one.name += "'"
        taken.add(one.name)


def _values(group: Group) -> dict[str, Any]:
    return dict(flattened({member.name: dict(member.values) for member in group.members}))


def shown(value: Any) -> str:
    """A value as a command line has it."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return str(int(value))
    return printable(value if isinstance(value, str) else json.dumps(value, default=str))
