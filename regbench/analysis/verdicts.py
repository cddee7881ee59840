"""Paired differences, and what may be said of them: one family of tests at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from regbench.analysis.question import Question
from regbench.analysis.report import ALPHA, Design, Difference, Judge, Verdict
from regbench.analysis.words import number, probability
from regbench.errors import counted, listed
from regbench.records.metrics import Terms, smaller_is_better
from regbench.stats.paired import Interval, holm
from regbench.stats.paired_test import PairedTest

NOT_RESOLVED = "not resolved"
NO_MATTER = "no difference that matters"


def judge_of(question: Question, terms: Terms) -> Judge:
    """What the verdicts on a question are by, with a sentence on it, in the terms of what is predicted."""
    sentence = question.test.sentence
    if question.margin is not None:
        measure = terms.unit_of(question.metric, True)
        margin = " ".join(filter(None, [number(question.metric, question.margin), measure]))
        sentence = (
            f"{sentence}; “{NO_MATTER}” is said where an interval that holds the differences of all "
            f"techniques at once, at 95 %, lies within {margin} of 0"
        )
    return Judge(question.test.name, question.margin, sentence)


def difference(values: Sequence[float], test: PairedTest) -> Difference:
    """Mean, spread and 95 % interval of the differences of one or more pairs."""
    return differences([values], test)[0]


def differences(several: Iterable[Sequence[float]], test: PairedTest) -> list[Difference]:
    """The same of each of several lists of differences, which is quicker at once."""
    lists = list(several)
    return [
        _difference(values, interval)
        for values, interval in zip(lists, test.intervals(lists, ALPHA), strict=True)
    ]


def _difference(values: Sequence[float], interval: Interval | None) -> Difference:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    low, high, method = (interval.low, interval.high, interval.method) if interval else (None, None, "")
    return Difference(len(values), float(np.mean(values)), sd, low, high, method)


def judge(
    family: Mapping[str, Sequence[float]],
    question: Question,
    words: tuple[str, str] = ("better", "worse"),
) -> dict[str, Verdict]:
    """A verdict on each of a family's lists of paired differences, Holm over the whole family.

    What is not resolved lies within the margin, where there is one, if an interval does that holds the mean
    differences of all of the family at once: each at an error rate of 5 % over their number.

    Args:
        family: the differences under the name of what they are of, by the seeds' numbers; an empty list gets
            no test.
        question: the metric, the test, and the margin.
        words: for a resolved difference that is good, and for one that is bad.
    """
    smaller, test = smaller_is_better(question.metric), question.test
    tested = {name: np.asarray(values, dtype=float) for name, values in family.items() if len(values)}
    p_values = {name: test.p(values) for name, values in tested.items()}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    verdicts = {}
    for name in family:
        if name not in tested:
            verdicts[name] = Verdict(NOT_RESOLVED, None, None, None, "no seed is shared")
            continue
        values = tested[name]
        if adjusted[name] <= ALPHA:
            word = words[0] if (values.mean() < 0) == smaller else words[1]
        elif question.margin is not None and _within(values, question.margin, test, len(tested)):
            word = NO_MATTER
        else:
            word = NOT_RESOLVED
        found = _resolvable(values, test, len(tested))
        verdicts[name] = Verdict(word, p_values[name], adjusted[name], found)
    return verdicts


def _within(values: np.ndarray, margin: float, test: PairedTest, techniques: int) -> bool:
    """Whether a mean is sure to lie within a margin of 0."""
    if test.smallest_p(techniques, len(values)) > ALPHA:  # differences that are few and alike prove nothing
        return False
    interval = test.interval(values, ALPHA / techniques)
    return interval is not None and -margin < interval.low and interval.high < margin


def _resolvable(values: np.ndarray, test: PairedTest, techniques: int) -> float | None:
    """The mean difference that as many pairs with as much spread would have resolved in Holm's first step."""
    if len(values) < 2:
        return None
    found = test.resolvable(float(values.std(ddof=1)), len(values), techniques, 0.8)
    return found if math.isfinite(found) else None


def held_back(
    verdict: Verdict, diverged: Collection[int], against: Collection[int] = (), name: str = ""
) -> Verdict:
    """No verdict in favour of a stack of which a seed diverged: it was judged by those that went well.

    Nor that two do not differ, where a seed of either diverged.

    Args:
        verdict: on a stack, or on an interaction.
        diverged: the seeds of which a run of it diverged; of an interaction, of any of its stacks.
        against: those of what it is compared with, which is the better one where it is worse.
        name: of what it is compared with.
    """
    other = verdict.word == "worse" or (verdict.word == NO_MATTER and not diverged)
    seeds, whose = (against, f"{name} ") if other else (diverged, "")
    if not seeds or verdict.word == NOT_RESOLVED:
        return verdict
    return replace(verdict, word=NOT_RESOLVED, reason=f"{whose}diverged with seed {listed(sorted(seeds))}")


def in_order(
    verdict: Verdict, seeds: Collection[int], everyone: Collection[int], question: Question
) -> Verdict:
    """No verdict while a seed is missing between others, by a test that takes the seeds in order.

    The late seed will change the order of those after it, and looks before and after it together are false
    more often than is promised: in 15 of 100 cases, were jobs to end in any order.

    Args:
        verdict: on the pairs of some seeds.
        seeds: these.
        everyone: the seeds that other stacks have, without those that diverged here.
        question: the test.
    """
    if not question.test.in_order or verdict.word == NOT_RESOLVED or not seeds:
        return verdict
    late = sorted(seed for seed in everyone if min(seeds) < seed < max(seeds) and seed not in seeds)
    if not late:
        return verdict
    return replace(verdict, word=NOT_RESOLVED, reason=f"seed {listed(late)} must come before later ones")


def design(
    family: Mapping[str, Sequence[float]], test: PairedTest, what: str = "techniques"
) -> Design | None:
    """What a family of tests can find; None where there is no pair at all.

    Args:
        family: as for `judge`.
        test: that is used.
        what: the name of what is tested, for the sentence.
    """
    pairs = {name: len(values) for name, values in family.items() if len(values)}
    if not pairs:
        return None
    techniques, most = len(pairs), max(pairs.values())
    least = min(test.smallest_p(techniques, count) for count in pairs.values())
    needed = test.seeds_needed(techniques)
    up_to = "up to " if min(pairs.values()) < most else ""
    noun = what if techniques > 1 else what.removesuffix("s")
    sentence = (
        f"with {techniques} {noun} and {up_to}{counted(most, 'pair')} the smallest adjusted p is "
        f"{probability(least)}"
    )
    if least > ALPHA:
        sentence = f"nothing can be resolved: {sentence}, above {ALPHA}; {needed} seeds would do"
    else:
        sentence = "; ".join([sentence, *_too_few(pairs, test)])
    return Design(techniques, most, least, least <= ALPHA, needed, sentence)


def _too_few(pairs: Mapping[str, int], test: PairedTest) -> Iterator[str]:
    """Name those that would not be resolved even if every p of the family were the least it can be."""
    best = holm([test.smallest_p(1, count) for count in pairs.values()])
    names = defaultdict(list)
    for (name, count), p in zip(pairs.items(), best, strict=True):
        if p > ALPHA:
            names[count].append(name)
    for count, several in sorted(names.items()):
        each = " each" if len(several) > 1 else ""
        yield f"{listed(sorted(several))}, with {counted(count, 'pair')}{each}, cannot be resolved"
