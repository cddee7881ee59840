"""The stacks of a race, and their jobs: a row for each stack, a column for each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TYPE_CHECKING, Protocol

from regbench.analysis.splits import SPLIT
from regbench.composition.command_line import CommandLine
from regbench.composition.compose import compose_each, keys_of
from regbench.composition.composed import Composed
from regbench.composition.composer import Composer
from regbench.errors import ConfigError
from regbench.records.identity import identity, stack_name
from regbench.records.metrics import Terms
from regbench.records.reader import printable
from regbench.studies.study import conditions, is_over_splits, varied
from regbench.sweeps.jobs import Job
from regbench.terminal.imports import kept

if TYPE_CHECKING:
    from regbench.sweeps.folder import SweepFolder

BLOCK = 8  # seeds that are composed at a time


@dataclass(frozen=True)
class Entry:
    """One stack of a race.

    Attributes:
        name: its members, and what sets it apart from stacks of the same members.
        overrides: the words of the command line that make it, but for the seed.
    """

    name: str
    overrides: list[str]


@dataclass(frozen=True)
class Field:
    """What starts in a race.

    Attributes:
        entries: the stacks; the first is the empty one.
        seeds: those that may be used, in order; None: 0, 1, 2 and so on without end.
        added: whether the empty stack is not in the line.
    """

    entries: list[Entry]
    seeds: list[int] | None
    added: bool

    @property
    def techniques(self) -> int:
        """How many stacks are compared with the empty one."""
        return len(self.entries) - 1

    def seed(self, turn: int) -> int:
        """The seed of a column."""
        return turn if self.seeds is None else self.seeds[turn]


def field_of(jobs: Sequence[Composed]) -> Field:
    """The stacks and the seeds of a line's jobs.

    Raises:
        ConfigError: the jobs differ in more than stacks and seeds, or there is nothing to compare.
    """
    first = [one for one in jobs if one.config["seed"] == jobs[0].config["seed"]]
    if len(conditions(first, lambda job: {name: v for name, v in job.config.items() if name != "reg"})) > 1:
        keys = [key for key in varied(jobs) if key.partition(".")[0] not in ("reg", "seed")]
        raise ConfigError(
            f"race: must be of stacks that differ in nothing else, got several values of {', '.join(keys)}"
        )
    stacks: dict[str, Composed] = {}
    for one in first:
        stacks.setdefault(identity(one.config), one)
    empty = [one for one in stacks.values() if not one.config["reg"]]
    others = [one for one in stacks.values() if one.config["reg"]]
    if not others:
        raise ConfigError(
            "race: must have a stack beside the empty one, such as '+reg=[],dropout,mixup', got none"
        )
    seeds = None
    if any("seed" in keys_of(one.overrides) for one in jobs):
        seeds = sorted({one.config["seed"] for one in jobs})
    keys = [key for key in varied(jobs) if key.startswith("reg.")]
    entries = [_entry(one, keys) for one in [*empty, *others]]
    if not empty:
        members = [f"~reg.{name}" for name in others[0].config["reg"]]
        entries.insert(0, Entry(stack_name({}), [*_without_seed(others[0]), *members]))
    return Field(entries, seeds, not empty)


def _entry(one: Composed, keys: Sequence[str]) -> Entry:
    pairs = zip(one.overrides, keys_of(one.overrides), strict=True)
    words = [word.lstrip("+").removeprefix("reg.") for word, key in pairs if key in keys]
    members = one.config["reg"]
    if len(members) == 1:  # as `compare` calls it
        words = [word.partition(".")[2] for word in words]
    return Entry(printable(" ".join([stack_name(members), *(words if members else [])])), _without_seed(one))


def _without_seed(one: Composed) -> list[str]:
    pairs = zip(one.overrides, keys_of(one.overrides), strict=True)
    return [word for word, key in pairs if key != "seed"]


class Rows(Protocol):
    """The jobs of a race, wherever they come from.

    Attributes:
        place: where those that are new live.
        terms: what they predict, and in which unit.
    """

    place: SweepFolder
    terms: Terms

    def at(self, entry: int, turn: int) -> Job:
        """The job of a stack and a column."""


class Jobs:
    """The jobs of a race, each composed when it is first asked for.

    Args:
        line: the command line.
        field: what starts.
        composer: of the line's folder of options.

    Raises:
        ConfigError: a configuration is wrong.

    Attributes:
        place: where the runs live.
        terms: what they predict, and in which unit.
    """

    def __init__(self, line: CommandLine, field: Field, composer: Composer | None = None) -> None:
        # Not at the top: it needs torch, which takes seconds, and a wrong line is answered at once.
        with kept():
            from regbench.assembly.data import terms_of

        self._line, self._field, self._composer = line, field, composer or Composer(line.config_dir)
        self._made: list[list[Job]] = []  # by turn
        self._compose()
        self.terms = terms_of(self._made[0][0].config)

    def at(self, entry: int, turn: int) -> Job:
        """The job of a stack and a column."""
        while turn >= len(self._made):
            self._compose()
        return self._made[turn][entry]

    def _compose(self) -> None:
        """The next seeds of all stacks."""
        # Not at the top: it needs torch, which takes seconds, and a wrong line is answered at once.
        from regbench.sweeps.folder import arranged

        done, entries = len(self._made), self._field.entries
        seeds = count() if self._field.seeds is None else iter(self._field.seeds)
        block = list(islice(seeds, done, done + BLOCK))
        lines = [[*entry.overrides, f"seed={seed}"] for seed in block for entry in entries]
        made = compose_each(self._line, lines, self._composer)
        if is_over_splits(made):
            raise ConfigError(
                f"{SPLIT}: must be the same for all seeds of a race, as no test that may be looked at while "
                "seeds are added is known to hold over splits of one data set, got one for each seed; "
                "`regbench train -m` and `compare` take a number of seeds that is chosen beforehand"
            )
        self.place, jobs = arranged(self._line, made)
        jobs = [replace(job, number=done * len(entries) + job.number) for job in jobs]
        self._made += [jobs[start : start + len(entries)] for start in range(0, len(jobs), len(entries))]
