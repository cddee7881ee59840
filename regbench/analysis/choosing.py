"""The best of the values tried, for each stack: select chooses, and val judges what it has not chosen."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean
from typing import Any

from regbench.analysis.cohorts import ABSENT, shown
from regbench.analysis.notes import note_of
from regbench.analysis.report import Chosen
from regbench.errors import counted, listed
from regbench.records.metrics import smaller_is_better
from regbench.records.reader import Excluded, Result

RATE = "train.lr"
Place = tuple[str, str]  # the conditions and the stack, as texts


@dataclass(frozen=True)
class Choice:
    """What was tried of one stack, and what is best.

    Attributes:
        results: of the best.
        value: of the keys, in their order, as a command line has them.
        tried: the values of all that were tried, in order.
        seeds: those that the means were taken over.
        diverged: values at which a seed diverged, which are not chosen where any other is there.
    """

    results: list[Result]
    value: str
    tried: list[str]
    seeds: list[int]
    diverged: list[str]


def choose(
    results: Iterable[Result], keys: Sequence[str], at: str
) -> tuple[list[Result], dict[Place, Choice], list[Excluded]]:
    """For each stack the runs at those values of some keys that have the best mean of what select chooses by.

    The mean is over the seeds that all of a stack's values have. Values at which a seed diverged are not
    chosen while others are there; of two that tie the lower one is. The keys are no condition any more.

    Args:
        results: all that count, and those that diverged.
        keys: such as train.lr; each a key that decides results, and none of the dataset's.
        at: the snapshot.

    Returns:
        The runs of the best; what was chosen; and stacks of which nothing can be chosen, with the reason.
    """
    if not keys:
        return list(results), {}, []
    kept: list[Result] = []
    made: dict[Place, Choice] = {}
    left_out: list[Excluded] = []
    for place, values in _sorted(results, keys).items():
        found = _best(values, at)
        if found is None:
            runs = [result for one in values.values() for result in one]
            why = "no seed has run" if any(result.ended for result in runs) else "every run diverged"
            reason = f"{why} at all values of {listed(keys)} with this stack, so none is the best"
            left_out += [Excluded(name, reason) for name in sorted(result.folder for result in runs)]
            continue
        made[place] = found
        kept += found.results
    return kept, made, left_out


def place_of(shared: Mapping[str, Any], stack: str) -> Place:
    """Where a stack stands among the conditions."""
    return json.dumps(shared, sort_keys=True, default=str), stack


def _sorted(results: Iterable[Result], keys: Sequence[str]) -> dict[Place, dict[str, list[Result]]]:
    """The runs of each stack under what is left of its conditions, by the value of the keys, lowest first."""
    found: dict[Place, dict[tuple[Any, ...], list[Result]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        value = tuple(result.shared.get(key, ABSENT) for key in keys)
        shared = {name: one for name, one in result.shared.items() if name not in keys}
        bare = replace(result, shared=shared)
        found[place_of(shared, result.stack)][tuple(map(_ordered, value))].append(bare)
    return {
        place: {_named(keys, [text for *_, text in value]): values[value] for value in sorted(values)}
        for place, values in sorted(found.items())
    }


def _named(keys: Sequence[str], texts: Sequence[str]) -> str:
    """The value of one key as it is; of several with their keys, as on a command line."""
    return texts[0] if len(keys) == 1 else " ".join(map("=".join, zip(keys, texts, strict=True)))


def _ordered(value: Any) -> tuple[int, float, str]:
    """A value as it sorts: numbers by size, then all else as text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), shown(value)) if number else (1, 0.0, shown(value))


def _best(values: Mapping[str, Sequence[Result]], at: str) -> Choice | None:
    diverged = [value for value, runs in values.items() if not all(result.ended for result in runs)]
    sound = {value: runs for value, runs in values.items() if value not in diverged} or values
    scores = {value: dict(_scores(runs, at)) for value, runs in sound.items()}
    seeds = sorted(set.intersection(*(set(one) for one in scores.values())))
    if not seeds and len(sound) > 1:
        return None
    means = {value: fmean([one[seed] for seed in seeds] or [0.0]) for value, one in scores.items()}
    best = max(means, key=lambda value: round(means[value], 12))  # what tells less apart is rounding
    return Choice(list(values[best]), best, list(values), seeds, diverged)


def _scores(runs: Sequence[Result], at: str) -> Iterator[tuple[int, float]]:
    """What the best epoch is picked by (`train.monitor`), of each seed's newest run; more of it is better."""
    for result in sorted(runs, key=lambda one: (one.summary.ended, one.folder)):
        figures = note_of(result, at).figures if result.ended else {}
        monitor = result.summary.monitor
        if monitor in figures:
            yield result.seed, -figures[monitor] if smaller_is_better(monitor) else figures[monitor]


def chosen(keys: Sequence[str], names: Mapping[str, Choice]) -> list[Chosen]:
    """The choices as a report has them, under the names of the arms."""
    return [
        Chosen(name, listed(keys), one.value, one.tried, one.seeds, one.diverged)
        for name, one in names.items()
    ]


def about(found: Sequence[Chosen], by: str) -> list[str]:
    """What is to be said of the values that were chosen.

    Args:
        found: the values.
        by: the metric of select that they were chosen by, in words.
    """
    if not found:
        return []
    key = found[0].key
    if len({value for one in found for value in one.tried}) == 1:
        return [f"nothing was chosen: all runs have one value of {key}, {found[0].value}"]
    words = [f"{one.arm} {one.value} (of {listed(one.tried)})" for one in found]
    notes = [
        f"each stack is at the best {key} of those tried, by mean {by} over the seeds; val has "
        f"chosen nothing: {'; '.join(words)}"
    ]
    several = [(tried, [one.arm for one in group]) for tried, group in _by_tries(found)]
    if len(several) > 1:
        counts = "; ".join(f"{listed(arms)}: {listed(tried)}" for tried, arms in several)
        notes.append(f"not all stacks were given the same {key}, and more tries favour a stack: {counts}")
    for one in found:
        if one.diverged:
            notes.append(f"{one.arm}: diverged at {key} {listed(one.diverged)}")
        fewest = counted(len(one.seeds), "seed")
        if len(one.tried) > 1 and len(one.seeds) < 3:
            notes.append(f"{one.arm}: its {key} was chosen by {fewest}, which says little")
    ends = [f"{one.arm} {one.value}" for one in found if _at_an_end(one)]
    if ends:
        notes.append(
            f"the best {key} is at an end of those tried, and a better one may lie beyond: {'; '.join(ends)}"
        )
    return notes


def _at_an_end(one: Chosen) -> bool:
    """Whether numbers were tried, several, and the smallest or the largest of them is the best."""
    try:
        tried = [float(value) for value in one.tried]
    except ValueError:  # names, or several keys: they have no order, or none in which one ends
        return False
    return len(tried) > 1 and float(one.value) in (min(tried), max(tried))


def _by_tries(found: Sequence[Chosen]) -> Iterator[tuple[list[str], Iterator[Chosen]]]:
    return groupby(sorted(found, key=lambda one: one.tried), key=lambda one: one.tried)


def one_rate(shared: Mapping[str, Any], differs: Iterable[str] = (), what: str = "stacks") -> list[str]:
    """That all have one learning rate, and what to do about it; nothing where it is not known.

    Args:
        shared: the keys that all runs share.
        differs: keys that are not the same in other comparisons of the same report.
        what: was compared, stacks or values.
    """
    if RATE not in shared:
        return []
    there = RATE in differs
    elsewhere = ", and those of other comparisons here at others" if there else ""
    how = "" if there else f"run them at several ({RATE}=0.03,0.1,0.3), then "
    return [
        f"all {what} were trained at one learning rate, {RATE}={shown(shared[RATE])}{elsewhere}; a technique "
        f"may need another: {how}`regbench compare RUNS --best-of {RATE}` takes each stack at its best, "
        "by select"
    ]
