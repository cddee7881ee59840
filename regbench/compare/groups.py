"""Results that may be compared: alike in all but the stack and the seed, one for each of these."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regbench.compare.report import Excluded
from regbench.compare.results import Result, flattened, printable


@dataclass
class Group:
    """The runs of one stack.

    Attributes:
        stack: the members with their values, as one text; equal for equal stacks.
        parts: the same of each member.
        name: how it is shown, unique within its cohort.
        results: by seed, the newest finished run of each.
        diverged: seeds of which any run diverged.
    """

    stack: str
    parts: tuple[str, ...]
    name: str = ""
    results: dict[int, Result] = field(default_factory=dict)
    diverged: set[int] = field(default_factory=set)

    @property
    def members(self) -> list[Mapping[str, Any]]:
        """As the record of any of its runs has them."""
        return self.example.summary["stack"]

    example: Result = field(default=None, repr=False)  # type: ignore[assignment]


@dataclass
class Cohort:
    """All stacks that were run under the same conditions: `shared`, of which `differs` sets it apart."""

    shared: Mapping[str, Any]
    groups: list[Group]
    differs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Dataset and model, and what sets the cohort apart."""
        choices = self.groups[0].example.summary["choices"]
        parts = [printable(choices.get(name, "?")) for name in ("dataset", "model")]
        return " ".join([*parts, *(f"{key}={shown(value)}" for key, value in self.differs.items())])


def cohorts(results: Iterable[Result]) -> tuple[list[Cohort], list[Excluded]]:
    """Results sorted into cohorts and groups, and the finished runs of which a newer one counts."""
    by_conditions: dict[str, list[Result]] = defaultdict(list)
    for result in sorted(results, key=_age):
        by_conditions[json.dumps(result.shared, sort_keys=True, default=str)].append(result)
    duplicates: list[Excluded] = []
    made = [
        Cohort(members[0].shared, _groups(members, duplicates))
        for _, members in sorted(by_conditions.items())
    ]
    for cohort, differs in zip(made, differing([cohort.shared for cohort in made]), strict=True):
        cohort.differs = differs
        _name(cohort.groups)
    return made, sorted(duplicates, key=lambda one: one.folder)


def _age(result: Result) -> tuple[str, str]:
    """Sorts the older first; runs that ended at once, which copies do, by their folders."""
    return str(result.summary.get("ended") or ""), result.folder


def _groups(results: Sequence[Result], duplicates: list[Excluded]) -> list[Group]:
    groups: dict[str, Group] = {}
    for result in results:  # the newest last
        group = groups.setdefault(result.stack, Group(result.stack, result.parts))
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
    """Of flat configurations, those keys of each that are not the same in all; absent ones are None."""
    keys = sorted({key for config in configs for key in config})
    unequal = [
        key for key in keys if len({json.dumps(config.get(key), default=str) for config in configs}) > 1
    ]
    return [{key: config.get(key) for key in unequal} for config in configs]


def _name(groups: Sequence[Group]) -> None:
    """Call each group by its members, and where several have the same, by the values in which they differ."""
    alike: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        alike[printable(group.example.summary["name"])].append(group)
    for name, several in alike.items():
        values = [_values(group) for group in several]
        for group, differs in zip(several, differing(values), strict=True):
            one = len(group.members) == 1
            words = [
                f"{key.partition('.')[2] if one else key}={shown(value)}" for key, value in differs.items()
            ]
            group.name = " ".join([name, *map(printable, words)])
    taken: set[str] = set()
    for group in groups:  # stacks that differ in nothing that is shown
        while group.name in taken:
            group.name += "'"
        taken.add(group.name)


def _values(group: Group) -> dict[str, Any]:
    return dict(flattened({member["name"]: dict(member["values"]) for member in group.members}))


def shown(value: Any) -> str:
    """A value as a command line has it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return printable(value if isinstance(value, str) else json.dumps(value, default=str))
