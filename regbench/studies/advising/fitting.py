"""How many techniques, seeds and epochs fit into a time, and what is made smaller where they do not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from regbench.analysis.advising import Acting
from regbench.errors import ConfigError, counted, duration
from regbench.stats.paired_test import SEQUENTIAL
from regbench.studies.searching.search import FINALISTS_SHARE, TRIALS_SHARE
from regbench.studies.searching.settings import Settings

# Of the time that the plan leaves. What one stage does not use goes to the search.
RACE_SHARE, SEARCH_SHARE, ABLATION_SHARE = 1 / 3, 1 / 2, 1 / 6
LEAST_SEEDS = 3  # of each technique in a race: with fewer their order is chance
LEAST_PART = 4  # epochs are lowered to this part of those asked for, and no further
CONFIRMED = SEQUENTIAL.seeds_needed(1)  # fresh seeds before which no verdict can be
FILLED = 0.6  # of a share's time that what must fit into it may take: runs wait for each other, and for cores
LEAST_RUNS = math.ceil(2 * CONFIRMED / (1 - FINALISTS_SHARE) / FILLED)  # of a search that comes to a verdict
FINALISTS = ((3, 3), (2, 3), (2, 2), (1, 2))  # of each of two arms, and their seeds, the first that fits
MOST_FRESH = (20, 60)  # fresh seeds at most: of a short search, and of a long one


@dataclass(frozen=True)
class Fit:
    """What fits.

    Attributes:
        race_epochs: of a run of the race.
        epochs: of every other run.
        acting: the techniques that are raced.
        dropped: those that no time is left for.
        seeds: of each technique and of none in the race.
        runs: of the search.
        said: what was made smaller, in sentences.
    """

    race_epochs: int
    epochs: int
    acting: list[Acting]
    dropped: list[Acting]
    seeds: int
    runs: int
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """What is to fit.

    Attributes:
        seconds: of the clock, the plan's own taken away.
        planning: the plan's own.
        workers: runs at once.
        epochs: of a run as the line has them.
        typed: whether a person has typed these, so that they stay.
        baseline: seconds of a run without a technique, with these epochs.
        acting: the techniques, and the seconds of a run of each.
        fixed: of the seconds of every run, those that fewer epochs do not save: it is built and written.
        firsts: seconds that the first run of a technique takes beside, by name: it is tried and audited.
    """

    seconds: float
    planning: float
    workers: int
    epochs: int
    typed: bool
    baseline: float
    acting: Sequence[Acting]
    fixed: float = 0.0
    firsts: Mapping[str, float] = field(default_factory=dict)

    @property
    def least(self) -> int:
        """The fewest epochs that runs may have."""
        return self.epochs if self.typed else math.ceil(self.epochs / LEAST_PART)

    def once(self, acting: Sequence[Acting]) -> float:
        """Seconds of the clock that the first runs of these take beside.

        In a race the jobs are tried by one process, and audits side by side slow each other down.
        """
        return sum(self.firsts.get(one.option, 0.0) for one in acting)

    def each(self, epochs: int, acting: Sequence[Acting]) -> float:
        """Seconds of a run of none and of each of these, summed; what is not fixed goes with the epochs."""
        several = [self.baseline, *(one.seconds for one in acting)]
        return sum(self.fixed + (one - self.fixed) * epochs / self.epochs for one in several)

    def seeds(self, epochs: int, acting: Sequence[Acting]) -> int:
        """How many seeds of these techniques and of none fit into the race."""
        left = self.seconds * RACE_SHARE - self.once(acting)
        return int(max(0.0, left) * self.workers / self.each(epochs, acting) + 1e-9)

    def a_run(self, epochs: int, acting: Sequence[Acting]) -> float:
        """Seconds of a run of the search, the mean of these techniques' and none; a trial is a new stack."""
        return (self.each(epochs, acting) + TRIALS_SHARE * self.once(acting)) / (1 + len(acting))

    def runs(self, epochs: int, acting: Sequence[Acting]) -> int:
        """How many runs fit into the search."""
        return int(self.seconds * SEARCH_SHARE * self.workers / self.a_run(epochs, acting) + 1e-9)


def fit(asked: Asked) -> Fit:
    """What fits.

    First epochs are lowered, where nobody has typed them, those of the race before those of the search; then
    the slowest techniques go.

    Raises:
        ConfigError: not even one technique fits; the sentence says how much would do.
    """
    by_time = sorted(asked.acting, key=lambda one: (one.seconds, one.option))
    for count in range(len(by_time), 0, -1):
        kept = [one for one in asked.acting if one in by_time[:count]]
        most = range(asked.epochs, asked.least - 1, -1)
        epochs = next((one for one in most if asked.runs(one, kept) >= LEAST_RUNS), None)
        raced = next(
            (one for one in most if one <= (epochs or 0) and asked.seeds(one, kept) >= LEAST_SEEDS), None
        )
        if epochs and raced:
            dropped = [one for one in asked.acting if one not in kept]
            found = Fit(raced, epochs, kept, dropped, asked.seeds(raced, kept), asked.runs(epochs, kept))
            return replace(found, said=_said(found, asked))
    raise ConfigError(
        f"budget: must be at least about {duration(_needed(asked, by_time[0]))} for this model and data, "
        f"where a run of {counted(asked.epochs, 'epoch')} takes {duration(asked.baseline)}, got "
        f"{duration(asked.seconds + asked.planning)}"
    )


def _needed(asked: Asked, cheapest: Acting) -> float:
    """Seconds with which the least that means anything fits: one technique, the fewest epochs."""
    one = [cheapest]
    race = (LEAST_SEEDS * asked.each(asked.least, one) / asked.workers + asked.once(one)) / RACE_SHARE
    search = LEAST_RUNS * asked.a_run(asked.least, one) / asked.workers / SEARCH_SHARE
    return asked.planning + max(race, search)


def _said(found: Fit, asked: Asked) -> list[str]:
    said = []
    short = f"and not {asked.epochs}, as the budget is too short for more"
    if found.epochs < asked.epochs:
        said.append(
            f"runs of the search have {counted(found.epochs, 'epoch')} {short}; what is found holds for "
            f"runs of this length; train.epochs={asked.epochs} keeps them, at the cost of techniques"
        )
    if found.race_epochs < found.epochs:
        said.append(
            f"runs of the race have {counted(found.race_epochs, 'epoch')} {short}: what helps late may be "
            "missed"
        )
    if found.dropped:
        said.append(
            f"{counted(len(found.acting), 'technique')} are raced, those whose runs take the least time, as "
            f"the budget is too short for all; {len(found.dropped)} more could act"
        )
    return said


def search_settings(runs: int, seconds: float, name: str) -> Settings:
    """How a search of so many runs goes about it.

    Args:
        runs: that there is time for.
        seconds: that it may take.
        name: of the study.
    """
    for_finalists = runs * (FINALISTS_SHARE - TRIALS_SHARE) * FILLED
    finalists, seeds = next(
        (one for one in FINALISTS if 2 * one[0] * one[1] <= for_finalists + 1e-9), FINALISTS[-1]
    )
    least, most = MOST_FRESH
    fresh = min(most, max(least, int(runs * (1 - FINALISTS_SHARE) / 2)))
    return Settings(
        seconds=seconds, finalists=finalists, finalist_seeds=seeds, confirm_seeds=fresh, study=name
    )
