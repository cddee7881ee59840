"""What a search sets: the arms, the candidates in each, and the values that are tried."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from regbench.analysis.searching import Parameter
from regbench.space import Choice, Domain, Interval

USE = "use."  # before a candidate: the switch that says whether it is in
DECAY = "l2"  # the member that decays weights: it is tuned in every arm, the baseline's too
DIGITS = 4  # of a number that is tried: a line with it can be read, and typed again
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Tuned:
    """One value of the configuration that a search sets.

    Attributes:
        key: of the configuration.
        domain: the values that are tried.
        default: what it is where nobody sets it.
        sign: `+` before the key where the configuration has none such.
        candidate: of which it is a value; None where every trial has it.
    """

    key: str
    domain: Domain
    default: Any = None
    sign: str = ""
    candidate: str | None = None

    def word(self, value: Any) -> str:
        """Of a command line, for one of its values."""
        return f"{self.sign}{self.key}={spelled(value)}"

    def rounded(self, value: Any) -> Any:
        """A number with as many digits as are typed, within the domain."""
        if not isinstance(self.domain, Interval) or self.domain.whole:
            return value
        return min(max(float(f"{value:.{DIGITS}g}"), self.domain.low), self.domain.high)

    @property
    def first(self) -> Any:
        """The value that is tried first: the default, or the nearest to it that the domain has."""
        if isinstance(self.domain, Choice):
            return _nearest(self.domain.values, self.default)
        if isinstance(self.default, bool) or not isinstance(self.default, int | float):
            return self.domain.low
        nearest = min(max(self.default, self.domain.low), self.domain.high)
        return int(nearest) if self.domain.whole else float(nearest)

    @property
    def edges(self) -> Sequence[Any]:
        """The ends of a range, or all values of a choice."""
        domain = self.domain
        return (domain.low, domain.high) if isinstance(domain, Interval) else domain.values

    @property
    def parameter(self) -> Parameter:
        """The same for a report."""
        return _parameter(self.key, self.domain, self.candidate)


@dataclass(frozen=True)
class Candidate:
    """A technique that a trial may have.

    Attributes:
        option: of the group reg, as it is typed.
        words: that hold wherever it is in.
        tuned: its values that are set.
    """

    option: str
    words: Sequence[str] = ()
    tuned: Sequence[Tuned] = ()


@dataclass(frozen=True)
class Side:
    """One arm: what its trials may be.

    Attributes:
        name: `BASELINE`, or its candidates.
        candidates: in the order of the stack; none of the baseline. One alone is always in.
        shared: what every trial sets.
        always: what every trial has besides, and tunes: weight decay, where it is no candidate.
    """

    name: str
    candidates: Sequence[Candidate] = ()
    shared: Sequence[Tuned] = ()
    always: Sequence[Candidate] = ()

    @property
    def switched(self) -> bool:
        """Whether candidates are switched on and off."""
        return len(self.candidates) > 1

    @property
    def tuned(self) -> list[Tuned]:
        """All that may be set, switches aside."""
        members = (*self.always, *self.candidates)
        return [*self.shared, *(one for member in members for one in member.tuned)]

    @property
    def common(self) -> list[Tuned]:
        """What of it every trial sets."""
        return [*self.shared, *(one for member in self.always for one in member.tuned)]

    @property
    def parameters(self) -> list[Parameter]:
        """All that is set, for a report."""
        switches = [
            _parameter(USE + one.option, Choice((False, True)), None)
            for one in self.candidates
            if self.switched
        ]
        always = {one.key for one in self.common}
        tuned = [replace(one, candidate=None) if one.key in always else one for one in self.tuned]
        return [*switches, *(one.parameter for one in tuned)]

    def first(self) -> Values:
        """The trial that every arm begins with: all candidates, at the values nearest to their defaults."""
        switches = {USE + one.option: True for one in self.candidates if self.switched}
        return {**switches, **{one.key: one.first for one in self.tuned}}

    def members(self, values: Values) -> list[str]:
        """The candidates that are in."""
        return [one.option for one in self.candidates if values.get(USE + one.option, True)]

    def words(self, values: Values) -> list[str]:
        """Of a command line, for a trial's values."""
        inside = [one for one in self.candidates if values.get(USE + one.option, True)]
        members = [*inside, *self.always]
        stack = [f"+reg=[{','.join(one.option for one in members)}]"] if members else []
        own = [
            word
            for one in members
            for word in (*one.words, *(each.word(values[each.key]) for each in one.tuned))
        ]
        return [*stack, *own, *(one.word(values[one.key]) for one in self.shared)]


@dataclass(frozen=True)
class Space:
    """All that a search is over.

    Attributes:
        base: the words that all jobs have.
        seeds: of every trial.
        sides: the arms, the baseline first.
        fixed: what other searches tune and this one was given, in words.
        asked: the keys whose values the line bounds or lists.
    """

    base: list[str]
    seeds: list[int]
    sides: list[Side] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)
    asked: frozenset[str] = frozenset()

    def edges(self) -> Iterator[tuple[Tuned, Iterator[list[str]]]]:
        """For each end, or each value, of what the line asks for, the words of trials that have it.

        The first of them has the rest as at first, the others what else the same member is given; none has a
        candidate besides, which may exclude it.
        """
        seen: set[str] = set()
        for side in self.sides:
            for one in side.tuned:
                if one.key in self.asked and one.key not in seen:
                    seen.add(one.key)
                    yield from ((one, _with(side, one, value)) for value in one.edges)

    def alone(self) -> Iterator[Iterator[list[str]]]:
        """For each candidate, the words of trials with it and no other, at the ends of what it is given."""
        seen: set[str] = set()
        for side in self.sides:
            for one in (*side.always, *side.candidates):
                if one.option not in seen:
                    seen.add(one.option)
                    yield (side.words(values) for values in _with_ends(side, one.option, one.tuned))

    @property
    def shared(self) -> list[str]:
        """The keys that every trial sets, those of members aside."""
        return [one.key for one in self.sides[0].shared]


def _with(side: Side, one: Tuned, value: Any) -> Iterator[list[str]]:
    """The words of trials with a value, as many as there are of the ends of the same member's others."""
    others = [
        other for other in side.tuned if other.candidate == one.candidate is not None and other.key != one.key
    ]
    for values in _with_ends(side, one.candidate, others):
        yield side.words({**values, one.key: value})


def _with_ends(side: Side, option: str | None, tuned: Sequence[Tuned]) -> Iterator[Values]:
    """Values of trials with one candidate, or none: what is tuned of it as at first, then at all ends."""
    alone = {
        **side.first(),
        **{USE + one.option: one.option == option for one in side.candidates if side.switched},
    }
    for values in product(*((one.first, *one.edges) for one in tuned)):
        yield {**alone, **{one.key: value for one, value in zip(tuned, values, strict=True)}}


def _nearest(values: Sequence[Any], default: Any) -> Any:
    """The default, of numbers else the nearest to it, else the first."""
    usual = spelled(default)
    if (same := [one for one in values if spelled(one) == usual]) or (wanted := _number(default)) is None:
        return [*same, values[0]][0]
    away = [abs(number - wanted) if (number := _number(one)) is not None else math.inf for one in values]
    return values[away.index(min(away))]


def _number(value: Any) -> float | None:
    """A finite number, also one that is a text as it was typed; None of all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def spelled(value: Any) -> str:
    """A value as it is typed; one that is a text already is what a line had."""
    if isinstance(value, bool) or value in ("True", "False"):  # as Hydra's own parser spells them
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, float):
        return repr(value)
    return str(value)


def _parameter(key: str, domain: Domain, candidate: str | None) -> Parameter:
    if isinstance(domain, Choice):
        choices = [spelled(value) for value in domain.values]
        return Parameter(key, ", ".join(choices), choices=choices, candidate=candidate)
    return Parameter(key, str(domain), domain.low, domain.high, domain.log, candidate=candidate)
