"""What is found for a person in a hurry: a plan, a race, a search, an ablation, and what to type; plain data.

Differences, means and ends of intervals are in their metric's plain unit (0.003 for 0.3 points).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from regbench.analysis.searching import Outcome
from regbench.records.metrics import Terms

FORMAT = 1  # of the JSON


@dataclass(frozen=True)
class LeftOut:
    """A technique that is not raced, and why."""

    option: str
    reason: str


@dataclass(frozen=True)
class Acting:
    """A technique that can act here, and the seconds of a run of it, with the epochs of the line."""

    option: str
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What is going to be done in how much time; made once.

    Attributes:
        dataset, model: the options, as they are called.
        line: the words that every run has, but for epochs of the race.
        metric: of val, which the verdict is on.
        chooses: its like of select, by which everything before is chosen.
        at: last or best, the snapshot.
        margin: the largest difference that does not matter; None where every one does.
        budget: seconds of the clock, for everything.
        planning: of these, what the plan itself took.
        race, search, ablation: of these, what each stage may take.
        workers: runs at once.
        race_epochs: of a run of the race.
        epochs: of every other run.
        asked_epochs: that the line would have.
        baseline: seconds that one run without a technique takes, with the epochs that the line would have.
        acting: the techniques that are raced.
        left_out: all others.
        seeds: of each technique that fit into the race, as far as is known beforehand.
        runs: that fit into the search.
        said: what was made smaller so that it fits, in sentences.
    """

    dataset: str
    model: str
    line: list[str]
    metric: str
    chooses: str
    at: Literal["last", "best"]
    margin: float | None
    budget: float
    planning: float
    race: float
    search: float
    ablation: float
    workers: int
    race_epochs: int
    epochs: int
    asked_epochs: int
    baseline: float
    acting: list[Acting]
    left_out: list[LeftOut]
    seeds: int
    runs: int
    said: list[str]
    terms: Terms = field(default=Terms())

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Plan:
        """From what `asdict` gave."""
        return cls(
            **{
                **found,
                "acting": [Acting(**one) for one in found["acting"]],
                "left_out": [LeftOut(**one) for one in found["left_out"]],
                "terms": Terms(**found["terms"]),
            }
        )


@dataclass(frozen=True)
class Raced:
    """How a technique did at its defaults, on select, against none.

    Attributes:
        name: of the technique.
        seeds: of which there is a pair.
        mean: of the differences; None where there is no pair.
        low, high: of the interval that holds those of all techniques at once; None: the whole line.
        p: adjusted for the number of techniques.
        word: better, worse, no difference that matters, or not resolved; or why it got no more seeds.
        searched: whether it is a candidate of the search.
        why: why it is one or is not, where that is not plain.
    """

    name: str
    seeds: int
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    word: str
    searched: bool = False
    why: str = ""


@dataclass(frozen=True)
class Stage:
    """What a stage has taken: seconds of the clock, and that in words; and why it ended."""

    seconds: float
    spent: str
    over: str


@dataclass(frozen=True)
class RaceFound:
    """The race, all techniques the best first; which go on, and by which rule."""

    rows: list[Raced]
    candidates: list[str]
    rule: str
    stage: Stage

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> RaceFound:
        """From what `asdict` gave."""
        rows = [Raced(**one) for one in found["rows"]]
        return cls(rows, found["candidates"], found["rule"], Stage(**found["stage"]))


@dataclass(frozen=True)
class Side:
    """The tuned baseline, or the winner.

    Attributes:
        stack: its members as one name.
        words: that make it on a command line, but for those that every run has.
        members: names of the members of its stack, in order.
        values: of each member, those that the search has set.
        mean, sd: of the metric over the fresh seeds; None before there are enough.
    """

    stack: str
    words: list[str]
    members: list[str]
    values: dict[str, dict[str, Any]]
    mean: float | None
    sd: float | None


@dataclass(frozen=True)
class SearchFound:
    """What the search has found, and its verdict on fresh seeds.

    Attributes:
        outcome: survives, nothing, or open: not known, as there was no time left.
        said: that, in a sentence or two.
        baseline: tuned; None where no trial of it came to its end.
        winner: the best stack; None likewise.
        fresh: all seeds that might be used.
        seeds: of which both have finished.
        mean, low, high, p, word: of winner less baseline on val.
        time: of a run of the winner, as a multiple of the baseline's; None where it is not known.
        trials: of each arm, by its name.
        stage: what it took.
    """

    outcome: Outcome
    said: str
    baseline: Side | None
    winner: Side | None
    fresh: list[int]
    seeds: list[int]
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    word: str
    time: float | None
    trials: dict[str, int]
    stage: Stage

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> SearchFound:
        """From what `asdict` gave."""
        sides = {name: found[name] and Side(**found[name]) for name in ("baseline", "winner")}
        made = {**found, **sides, "outcome": Outcome(found["outcome"]), "stage": Stage(**found["stage"])}
        return cls(**made)

    @property
    def survives(self) -> bool:
        """Whether the winner is better on fresh seeds."""
        return self.outcome is Outcome.SURVIVES


@dataclass(frozen=True)
class Part:
    """What a member of the winner adds to the rest, on val: the winner less the winner without it.

    Attributes:
        member: its name.
        seeds: pairs.
        mean, low, high, p: of the differences; None where there are none, or too few.
        word: better, worse, no difference that matters, or not resolved.
    """

    member: str
    seeds: int
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    word: str


@dataclass(frozen=True)
class AblationFound:
    """What each member adds."""

    parts: list[Part]
    stage: Stage

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> AblationFound:
        """From what `asdict` gave."""
        return cls([Part(**one) for one in found["parts"]], Stage(**found["stage"]))


@dataclass(frozen=True)
class Recipe:
    """How to use what was found.

    Attributes:
        command: trains it.
        yaml: the parts `reg` and `train` of its configuration.
        python: lines for a loop of one's own.
    """

    command: str
    yaml: str
    python: str


@dataclass(frozen=True)
class Advice:
    """The one page.

    Attributes:
        regbench: the version.
        folder: where everything lies.
        typed: the line that goes on, or shows this again.
        plan, race, search: of each stage.
        ablation: None where there is nothing to take apart.
        use: how to use what it comes to: the winner, or the tuned baseline; None where there is neither.
        test: what the test split said, in sentences; empty where it was not asked for.
        larger: what a larger budget would buy, in sentences.
    """

    regbench: str
    folder: str
    typed: str
    plan: Plan
    race: RaceFound
    search: SearchFound
    ablation: AblationFound | None
    use: Recipe | None
    test: list[str] = field(default_factory=list)
    larger: list[str] = field(default_factory=list)

    @property
    def side(self) -> Side | None:
        """What is to be used: the winner where it survives, else the tuned baseline."""
        return self.search.winner if self.search.survives else self.search.baseline


def as_json(advice: Advice) -> dict[str, Any]:
    """All of it as plain values, with the version of this structure."""
    return {"format": FORMAT, "command": "advise", **asdict(advice)}
