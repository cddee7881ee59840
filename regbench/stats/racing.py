"""Which arms of a race get the next pairs: those nearest to a decision, as far as the budget goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regbench.stats.sequential import wealth

ALPHA = 0.05
FEW = 4  # pairs that every arm gets before the arms are told apart
# How many pairs an effect of d standard deviations takes until the wealth is w, at the median:
# log(w) (DISTANCE / d^2 + START), to a tenth for effects from 0.5 to 2.5 and w from 20 to 200.
DISTANCE = 2.4
START = 1.4
OPTIMISM = 0.5  # standard errors by which an effect is taken for larger than it looks: few pairs tell little


@dataclass(frozen=True)
class Rule:
    """What decides an arm.

    Attributes:
        techniques: the number of arms of the race, whether they are decided or not.
        resolved: of these, how many have been found better or worse.
        margin: the smallest difference of interest, in the unit of the differences; None: any is.
        alpha: the error rate of the race.
    """

    techniques: int
    resolved: int = 0
    margin: float | None = None
    alpha: float = ALPHA

    @property
    def rich(self) -> float:
        """The wealth at which the next arm is better or worse: Holm's next step."""
        return max(1, self.techniques - self.resolved) / self.alpha

    @property
    def sure(self) -> float:
        """The wealth at which a shift is excluded from an interval of which all arms' are right at once."""
        return self.techniques / self.alpha


def outlook(differences: Sequence[float], rule: Rule) -> float:
    """Give how many more pairs an arm will take until it is decided, as far as its pairs tell; at least 1.

    A guess, which orders the arms and decides nothing. Infinity where nothing hints at a decision.
    """
    values = np.asarray(differences, dtype=float)
    count = len(values)
    if count < 2:
        return 1.0
    mean, sd = abs(float(values.mean())), float(values.std(ddof=1))
    guesses = [_pairs(mean, sd, count, rule.rich)]
    if rule.margin is not None:
        guesses.append(_pairs(rule.margin - mean, sd, count, rule.sure))
    return max(1.0, min(guesses) - count)


def _pairs(distance: float, sd: float, count: int, rich: float) -> float:
    """How many pairs a mean that lies so far off takes to be told apart."""
    hopeful = distance + OPTIMISM * sd / math.sqrt(count)
    if hopeful <= 0:
        return math.inf
    return math.log(rich) * (DISTANCE * (sd / hopeful) ** 2 + START)


def soonest(differences: Sequence[float], rule: Rule) -> int:
    """Give the least number of further pairs after which an arm could be decided, at least 1.

    No pair more than doubles the wealth, so that earlier looks would be in vain.
    """
    found = [_doublings(differences, 0.0, rule.rich)]
    if rule.margin is not None:
        ends = (_doublings(differences, end, rule.sure) for end in (rule.margin, -rule.margin))
        found.append(max(ends))
    return max(1, min(found))


def _doublings(differences: Sequence[float], shift: float, rich: float) -> int:
    held = wealth(np.asarray(differences, dtype=float) - shift) if len(differences) else np.ones(1)
    if held.max() >= rich:
        return 0
    return math.ceil(math.log2(rich) - math.log2(max(held[-1], 1e-300)) - 1e-9)


@dataclass(frozen=True)
class Next:
    """What the next round runs: so many more pairs of each of these arms."""

    arms: list[str]
    pairs: int


def next_pairs(
    undecided: Mapping[str, Sequence[float]],
    rule: Rule,
    baseline: int,
    left: float = math.inf,
    at_once: int = 1,
) -> Next:
    """Give the arms that get the next pairs.

    All have one pair first, then `FEW`. From there on the arms that are guessed to be decided soonest go
    on, as many as what is left is guessed to decide, and at least one; without a limit all of them. Whatever
    is chosen, by whatever rule, leaves the level as it is: an arm's p-value holds at all numbers of pairs at
    once, so at the one at which it is left (see `regbench.analysis.racing`).

    Args:
        undecided: the differences of each arm that may get more, in the order of the seeds.
        rule: what decides an arm.
        baseline: how many seeds the baseline has.
        left: the number of runs that may still be made.
        at_once: as many run side by side; a round is made longer for them where no look is lost by it.
    """
    if not undecided:
        return Next([], 0)
    least = min(map(len, undecided.values()))
    if least < FEW:
        late = [name for name, values in undecided.items() if len(values) == least]
        return Next(late, 1 if least == 0 else FEW - least)
    served = _served(undecided, rule, baseline, left)
    pairs = math.ceil(at_once / (len(served) + 1))
    if pairs > 1:
        pairs = min(pairs, *(soonest(undecided[name], rule) for name in served))
    return Next(served, pairs)


def _served(undecided: Mapping[str, Sequence[float]], rule: Rule, baseline: int, left: float) -> list[str]:
    """The arms that what is left is guessed to decide, the soonest first, in the order given."""
    if math.isinf(left):
        return list(undecided)
    guesses = {name: outlook(values, rule) for name, values in undecided.items()}
    served: list[str] = []
    needed, far = 0.0, float(baseline)
    for name in sorted(undecided, key=guesses.__getitem__):
        needed += guesses[name]
        far = max(far, len(undecided[name]) + guesses[name])
        if served and needed + far - baseline > left:
            break
        served.append(name)
    return [name for name in undecided if name in served]
