"""The tests of paired differences, each with all that belongs beside it: interval, least p, power."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from regbench.stats.confidence import confidence_sequences
from regbench.stats.paired import Interval, mean_interval, resolvable, seeds_needed, sign_flip_p, smallest_p
from regbench.stats.power import fewest_pairs
from regbench.stats.resampled import (
    pairs_resampled,
    resampled_interval,
    resampled_p,
    resolvable_resampled,
)
from regbench.stats.sequential import (
    MOST_PAIRS,
    anytime_p,
    pairs_looking,
    resolvable_looking,
    seeds_needed_looking,
    smallest_anytime_p,
)

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class PairedTest:
    """A two-sided test of paired differences, given in the order of their seeds' numbers.

    Attributes:
        name: sequential, fixed or resampled.
        in_order: whether the order of the seeds counts, so that one missing between others must come first.
        sentence: what it is and what it supposes.
        p: of differences; at least one.
        intervals: of the means of several lists of them, at an error rate; None where there are too few.
        smallest_p: the least Holm-adjusted p of so many techniques and pairs.
        seeds_needed: the least number of pairs with which so many techniques can be resolved.
        resolvable: the mean difference that is found with a power: of a standard deviation, pairs, techniques
            and the power; infinite where there is none.
        pairs_for: how many pairs find an effect, in standard deviations, with a power, as one of so many
            techniques; None where they are more than `MOST_PAIRS`.
    """

    name: str
    in_order: bool
    sentence: str
    p: Callable[[Values], float] = field(repr=False)
    intervals: Callable[[Sequence[Values], float], list[Interval | None]] = field(repr=False)
    smallest_p: Callable[[int, int], float] = field(repr=False)
    seeds_needed: Callable[[int], int] = field(repr=False)
    resolvable: Callable[[float, int, int, float], float] = field(repr=False)
    pairs_for: Callable[[float, float, int], int | None] = field(repr=False)

    def interval(self, values: Values, alpha: float) -> Interval | None:
        """Of the mean of one list of differences."""
        return self.intervals([values], alpha)[0]


def pairs_fixed(effect: float, power: float, techniques: int = 1) -> int | None:
    """Give the least number of pairs, chosen beforehand, of which the sign-flip test finds an effect.

    Args:
        effect: in standard deviations of the differences.
        power: in (0, 1).
        techniques: how many are tested together.

    Returns:
        None beyond `MOST_PAIRS`.
    """

    def found(pairs: int) -> float:
        return resolvable(1.0, pairs, techniques, power)

    return fewest_pairs(found, effect, seeds_needed(techniques), MOST_PAIRS)


def _mean_intervals(several: Sequence[Values], alpha: float) -> list[Interval | None]:
    return [mean_interval(values, 1 - alpha) for values in several]


COIN = "it supposes that, were there no difference, the sign of each pair's difference would be a coin toss"
SEQUENTIAL = PairedTest(
    name="sequential",
    in_order=True,
    sentence="judged by the sequential test, whose verdicts and intervals hold however often one looks while "
    f"seeds are added, taken in the order of their numbers; {COIN}",
    p=anytime_p,
    intervals=confidence_sequences,
    smallest_p=smallest_anytime_p,
    seeds_needed=seeds_needed_looking,
    resolvable=resolvable_looking,
    pairs_for=pairs_looking,
)
FIXED = PairedTest(
    name="fixed",
    in_order=False,
    sentence="judged by the sign-flip test for a number of seeds that was chosen beforehand: with seeds "
    f"added until something shows its verdicts and intervals do not hold; {COIN}",
    p=sign_flip_p,
    intervals=_mean_intervals,
    smallest_p=smallest_p,
    seeds_needed=seeds_needed,
    resolvable=resolvable,
    pairs_for=pairs_fixed,
)
RESAMPLED = "resampled"


def resampled(share: float) -> PairedTest:
    """Give the test of differences over splits of one data set; see `stats.resampled`.

    Args:
        share: the rows that judge over those that train is cut from, in each split, above 0.
    """
    return PairedTest(
        name=RESAMPLED,
        in_order=False,
        sentence="judged by the corrected resampled t test (Nadeau and Bengio 2003), and never more sure "
        "than by the sign-flip test, for a number of seeds that was chosen beforehand: with seeds added "
        "until something shows its verdicts and intervals do not hold; it asks whether the mean difference "
        "over data sets of this size is 0: splits of one data set overlap, so the variance of the mean of n "
        f"differences is taken for 1/n + {share:.3g} (val rows over those that train is cut from) times "
        "theirs, which is an approximation",
        p=partial(resampled_p, share=share),
        intervals=partial(_resampled_intervals, share),
        smallest_p=smallest_p,
        seeds_needed=seeds_needed,
        resolvable=partial(resolvable_resampled, share=share),
        pairs_for=partial(pairs_resampled, share=share),
    )


def _resampled_intervals(share: float, several: Sequence[Values], alpha: float) -> list[Interval | None]:
    return [resampled_interval(values, share, alpha) for values in several]
