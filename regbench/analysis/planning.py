"""How many seeds it takes to find a difference, by the spread of differences that are there already."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from regbench.analysis.report import Comparison
from regbench.analysis.splits import is_over, share_of
from regbench.records.metrics import Terms
from regbench.stats.paired_test import FIXED, SEQUENTIAL, resampled
from regbench.stats.sequential import MOST_PAIRS
from regbench.stats.spread import pooled, upper_limit

POWERS = (0.8, 0.9)
MOST_SEEDS = MOST_PAIRS  # that are thought of
ENORMOUS = 64.0  # standard deviations: an effect that nobody needs to be told apart from a larger one


@dataclass(frozen=True)
class Pilot:
    """What is known of the spread of paired differences.

    Attributes:
        name: of the comparison; empty where the spread was given.
        sd: standard deviation, over all techniques, in the metric's plain unit.
        upper: what it is likely (9 in 10) to be at most; None where it was given.
        pairs: the most of any technique; 0 where it was given.
        techniques: whose differences it is of; 0 where it was given.
        terms: what is predicted, and in which unit.
        share: as of `share_of`, where the differences are over splits; None where they are on one.
    """

    name: str
    sd: float
    upper: float | None = None
    pairs: int = 0
    techniques: int = 0
    terms: Terms = field(default=Terms())
    share: float | None = None


@dataclass(frozen=True)
class Sought:
    """What is to be found.

    Attributes:
        metric: what it is a difference in.
        difference: in the metric's plain unit, above 0.
        techniques: that are compared with the baseline, at least 1.
    """

    metric: str
    difference: float
    techniques: int


@dataclass(frozen=True)
class Needed:
    """Seeds that a test needs.

    Attributes:
        test: sequential or fixed, or resampled.
        power: the probability that the difference is found.
        seeds: None where they are more than `MOST_SEEDS`.
    """

    test: str
    power: float
    seeds: int | None


def pilots(comparisons: Iterable[Comparison], metric: str, splits: bool = False) -> Iterator[Pilot]:
    """The spread in each comparison that has two pairs or more of any technique.

    Args:
        comparisons: of which runs are known.
        metric: what it is the spread of.
        splits: whether to take those over splits, or those on one.
    """
    for one in comparisons:
        if is_over(one.config) != splits:
            continue
        known = [arm.differences[metric] for arm in one.arms if arm.verdict and metric in arm.differences]
        spreads = [(known.sd, known.n) for known in known if known.sd is not None]
        if spreads:
            share = share_of(one.rows["train"], one.rows["val"]) if splits else None
            sd, pairs = pooled(spreads), max(count for _, count in spreads)
            yield Pilot(one.name, sd, upper_limit(sd, pairs - 1), pairs, len(spreads), one.terms, share)


def needed(sought: Sought, sd: float, share: float | None = None) -> list[Needed]:
    """The seeds that find a difference at each of `POWERS`, by each test that may judge.

    Args:
        sought: the difference.
        sd: of the paired differences, in the metric's plain unit, at least 0.
        share: as of a `Pilot`.
    """
    tests = (SEQUENTIAL, FIXED) if share is None else (resampled(share),)
    effect = min(sought.difference / sd if sd > 0 else math.inf, ENORMOUS)
    return [
        Needed(test.name, power, test.pairs_for(effect, power, sought.techniques))
        for test in tests
        for power in POWERS
    ]
