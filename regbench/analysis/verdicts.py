"""Paired differences, and what may be said of them: one family of tests at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from regbench.analysis.report import ALPHA, Design, Difference, Verdict
from regbench.analysis.words import probability
from regbench.errors import counted, listed
from regbench.stats.paired import holm, mean_interval, resolvable, seeds_needed, sign_flip_p, smallest_p

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
    """The mean difference that as many pairs with as much spread would have resolved in Holm's first step."""
    if len(values) < 2 or smallest_p(techniques, len(values)) > ALPHA:
        return None
    return resolvable(float(values.std(ddof=1)), len(values), techniques)


def held_back(
    verdict: Verdict, diverged: Collection[int], against: Collection[int] = (), name: str = ""
) -> Verdict:
    """No verdict in favour of a stack of which a seed diverged: it was judged by those that went well.

    Args:
        verdict: on a stack, or on an interaction.
        diverged: the seeds of which a run of it diverged; of an interaction, of any of its stacks.
        against: those of what it is compared with, which is the better one where it is worse.
        name: of what it is compared with.
    """
    seeds, whose = (against, f"{name} ") if verdict.word == "worse" else (diverged, "")
    if not seeds or verdict.word == NOT_RESOLVED:
        return verdict
    return replace(verdict, word=NOT_RESOLVED, reason=f"{whose}diverged with seed {listed(sorted(seeds))}")


def design(family: Mapping[str, Sequence[float]], what: str = "techniques") -> Design | None:
    """What a family of tests can find; None where there is no pair at all.

    Args:
        family: as for `judge`.
        what: the name of what is tested, for the sentence.
    """
    pairs = {name: len(values) for name, values in family.items() if len(values)}
    if not pairs:
        return None
    techniques, most = len(pairs), max(pairs.values())
    least = min(smallest_p(techniques, count) for count in pairs.values())
    needed = seeds_needed(techniques)
    up_to = "up to " if min(pairs.values()) < most else ""
    noun = what if techniques > 1 else what.removesuffix("s")
    sentence = (
        f"with {techniques} {noun} and {up_to}{counted(most, 'pair')} the smallest adjusted p is "
        f"{probability(least)}"
    )
    if least > ALPHA:
        sentence = f"nothing can be resolved: {sentence}, above {ALPHA}; {needed} seeds would do"
    else:
        sentence = "; ".join([sentence, *_too_few(pairs)])
    return Design(techniques, most, least, least <= ALPHA, needed, sentence)


def _too_few(pairs: Mapping[str, int]) -> Iterator[str]:
    """Name those that would not be resolved even if every p of the family were the least it can be."""
    best = holm([smallest_p(1, count) for count in pairs.values()])
    names = defaultdict(list)
    for (name, count), p in zip(pairs.items(), best, strict=True):
        if p > ALPHA:
            names[count].append(name)
    for count, several in sorted(names.items()):
        each = " each" if len(several) > 1 else ""
        yield f"{listed(sorted(several))}, with {counted(count, 'pair')}{each}, cannot be resolved"
