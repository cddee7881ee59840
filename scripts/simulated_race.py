"""Races without training: the rule of `regbench race` on differences that are drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regbench.stats.paired import holm, sign_flip_p
from regbench.stats.racing import ALPHA, Rule, next_pairs
from regbench.stats.sequential import wealth

BETTER, WORSE, NO_MATTER, OPEN = "better", "worse", "no difference that matters", "not resolved"


@dataclass(frozen=True)
class Ended:
    """What came of a race, or of a design whose number of seeds was fixed.

    Attributes:
        words: the verdict on each arm.
        seeds: of each arm.
        jobs: the baseline's included.
    """

    words: list[str]
    seeds: list[int]
    jobs: int


class Rows:
    """The differences (arms, seeds) of one race, and at each seed the most that gamblers have held by then."""

    def __init__(self, differences: np.ndarray, margin: float | None) -> None:
        self.differences = differences
        self.held = _most(differences)
        self.ends = None
        if margin is not None:  # all that lies beyond the margin is excluded where both its ends are
            self.ends = np.minimum(_most(differences - margin), _most(differences + margin))


def _most(differences: np.ndarray) -> np.ndarray:
    return np.maximum.accumulate(wealth(differences), axis=-1)


def verdicts(rows: Rows, seeds: Sequence[int]) -> list[str]:
    """What the sequential test says of arms with so many seeds each."""
    arms = range(len(seeds))
    p_values = [min(1.0, 1 / rows.held[arm, seeds[arm] - 1]) for arm in arms]
    adjusted = holm(p_values)
    words = []
    for arm in arms:
        if adjusted[arm] <= ALPHA:
            words.append(BETTER if rows.differences[arm, : seeds[arm]].mean() > 0 else WORSE)
        elif rows.ends is not None and rows.ends[arm, seeds[arm] - 1] >= len(seeds) / ALPHA:
            words.append(NO_MATTER)
        else:
            words.append(OPEN)
    return words


def race(differences: np.ndarray, jobs: int | None = None, margin: float | None = None) -> Ended:
    """A race with the differences (arms, seeds) that its runs would find, until no seed is left.

    Args:
        differences: to the baseline.
        jobs: the budget; None: none.
        margin: the smallest difference of interest.
    """
    rows, (arms, most) = Rows(differences, margin), differences.shape
    seeds, baseline, spent = [0] * arms, 0, 0
    words = [OPEN] * arms
    while True:
        racing = {
            str(arm): differences[arm, : seeds[arm]].tolist()
            for arm in range(arms)
            if words[arm] == OPEN and seeds[arm] < most
        }
        left = math.inf if jobs is None else jobs - spent
        resolved = sum(word in (BETTER, WORSE) for word in words)
        chosen = next_pairs(racing, Rule(arms, resolved, margin), baseline, left)
        cells = [
            (turn, arm)
            for arm in map(int, chosen.arms)
            for turn in range(seeds[arm], seeds[arm] + chosen.pairs)
        ]
        cells += [(turn, -1) for turn in range(baseline, max((turn + 1 for turn, _ in cells), default=0))]
        cells = sorted(cells)[: None if math.isinf(left) else int(left)]
        if not any(arm >= 0 for _, arm in cells):
            return Ended(words, seeds, spent)
        for turn, arm in cells:
            spent += 1
            if arm < 0:
                baseline = turn + 1
            else:
                seeds[arm] = turn + 1
        words = verdicts(rows, seeds) if min(seeds) else words


def fixed(differences: np.ndarray) -> Ended:
    """As many seeds of each as there are, judged once by the test for a fixed number."""
    arms, seeds = differences.shape
    adjusted = holm([sign_flip_p(row) for row in differences])
    words = [
        (BETTER if row.mean() > 0 else WORSE) if p <= ALPHA else OPEN
        for row, p in zip(differences, adjusted, strict=True)
    ]
    return Ended(words, [seeds] * arms, (arms + 1) * seeds)


def drawn(
    generator: np.random.Generator, effects: Sequence[float], seeds: int, kind: str = "equal"
) -> np.ndarray:
    """Differences (arms, seeds) to one baseline, of means in their standard deviations.

    Args:
        generator: of random numbers.
        effects: the means.
        seeds: how many.
        kind: of the noise: equal for all; swinging, some seeds being hard for all; heavy tails; or ties and zeros.
    """
    shape = (len(effects) + 1, seeds)
    if kind == "heavy tails":
        noise = generator.standard_t(3, shape) / math.sqrt(3)
    elif kind == "ties":
        noise = (generator.binomial(12, 0.5, shape) - 6) / math.sqrt(3)
    else:
        noise = generator.standard_normal(shape)
        if kind == "swinging":
            noise *= generator.choice([0.2, 1.4], (1, seeds))
    return (noise[1:] - noise[:1]) / math.sqrt(2) + np.asarray(effects)[:, None]
