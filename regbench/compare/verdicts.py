"""Paired differences, and what may be said of them: one family of tests at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from regbench.compare.report import ALPHA, Design, Difference, Verdict
from regbench.compare.statistics import (
    holm,
    mean_interval,
    resolvable,
    seeds_needed,
    sign_flip_p,
    smallest_p,
)

NOT_RESOLVED = "not resolved"


def difference(values: Sequence[float]) -> Difference:
    """Mean, spread and 95 % interval of the differences of one or more pairs."""
    interval = mean_interval(values)
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    low, high, method = (interval.low, interval.high, interval.method) if interval else (None, None, "")
    return Difference(len(values), float(np.mean(values)), sd, low, high, method)


def judge(
    family: Mapping[str, Sequence[float]],
    smaller_is_better: bool = False,
    words: tuple[str, str] = ("better", "worse"),
) -> dict[str, Verdict]:
    """A verdict on each of a family's lists of paired differences, Holm over the whole family.

    Args:
        family: the differences under the name of what they are of; an empty list gets no test.
        smaller_is_better: whether a negative difference is the good one.
        words: for a resolved difference that is good, and for one that is bad.
    """
    tested = {name: np.asarray(values, dtype=float) for name, values in family.items() if len(values)}
    p_values = {name: sign_flip_p(values) for name, values in tested.items()}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    verdicts = {}
    for name in family:
        if name not in tested:
            verdicts[name] = Verdict(NOT_RESOLVED, None, None, None, "no seed is shared")
            continue
        values = tested[name]
        good = (values.mean() < 0) == smaller_is_better
        word = (words[0] if good else words[1]) if adjusted[name] <= ALPHA else NOT_RESOLVED
        verdicts[name] = Verdict(word, p_values[name], adjusted[name], _resolvable(values, len(tested)))
    return verdicts


def _resolvable(values: np.ndarray, techniques: int) -> float | None:
    """The mean difference that as many pairs with as much spread would have resolved."""
    if len(values) < 2 or smallest_p(techniques, len(values)) > ALPHA:
        return None
    return resolvable(float(values.std(ddof=1)), len(values), techniques)


def design(family: Mapping[str, Sequence[float]], what: str = "techniques") -> Design | None:
    """What a family of tests can find; None where there is no pair at all.

    Args:
        family: as for `judge`.
        what: the name of what is tested, for the sentence.
    """
    sizes = [len(values) for values in family.values() if len(values)]
    if not sizes:
        return None
    techniques, pairs = len(sizes), min(sizes)
    least, needed = smallest_p(techniques, pairs), seeds_needed(techniques)
    resolves = least <= ALPHA
    counted = f"{techniques} {what if techniques > 1 else what.removesuffix('s')}"
    paired = f"{pairs} pair{'s' if pairs > 1 else ''}"
    if resolves:
        sentence = f"with {counted} and {paired} the smallest adjusted p is {least:.2g}"
    else:
        sentence = (
            f"nothing can be resolved: with {counted} and {paired} the smallest adjusted p is "
            f"{least:.2g}, above {ALPHA}; {needed} seeds would do"
        )
    return Design(techniques, pairs, least, resolves, needed, sentence)
