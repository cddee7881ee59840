"""Comparisons as conditions of one question: what sets them apart, and what keeps them from being one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regbench.analysis.cohorts import ABSENT, Cohort, differing, shown
from regbench.analysis.report import Comparison
from regbench.errors import ConfigError, alike, did_you_mean, listed
from regbench.records.reader import Result, printable

OPTION = "compare: --across"
ROWS = ("seed", "reg")  # what pairs, and what is compared


@dataclass(frozen=True)
class Condition:
    """One comparison among several.

    Attributes:
        name: the values of those keys that differ, short; unique.
        values: of the keys that were asked for, as a command line has them.
        comparison: the name of the comparison.
        baseline: the mean of the metric over the baseline's seeds.
    """

    name: str
    values: dict[str, str]
    comparison: str
    baseline: float


@dataclass(frozen=True)
class Studied:
    """A condition with what was found under it."""

    condition: Condition
    cohort: Cohort
    comparison: Comparison


def keys_of(text: str, results: Iterable[Result]) -> tuple[str, ...]:
    """The keys as they were typed, separated by commas: of a configuration, or the name of a choice.

    Raises:
        ConfigError: there is none, or one by which no runs can be told apart.
    """
    every = list(results)
    known = {key for one in every for key in (*one.shared, *one.summary.choices)}
    keys = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for key in keys:
        if key.partition(".")[0] in ROWS:
            raise ConfigError(
                f"{OPTION} must be no stack's value and no seed, which are compared and paired in each "
                f"condition; got {printable(key)}"
            )
        if known and key not in known:
            longer = [name for name in _typed_first(known) if key and name.endswith(f".{key}")]
            hint = did_you_mean((longer or alike(key, known))[:1])
            raise ConfigError(
                f"{OPTION} must be keys that decide a run's results, or dataset or model, joined by commas, "
                f"got {printable(key) or 'nothing'}{hint}"
            )
    return keys


def conditions(
    found: Iterable[tuple[Cohort, Comparison]], keys: Sequence[str]
) -> tuple[list[Studied], list[str]]:
    """The comparisons as conditions, sorted by the values of the keys in their order.

    Returns:
        The conditions; and sentences on keys that differ with them and were not named.

    Raises:
        ConfigError: they are no conditions of one question; the sentence says why.
    """
    pairs = list(found)
    values = [_values(cohort, keys) for cohort, _ in pairs]
    _refuse_same(pairs, values)
    if len(pairs) == 1:
        raise ConfigError(
            f"{OPTION}: the runs are of one condition only, {_spelled(values[0])}: there is nothing to look "
            "across; `regbench compare` without it says what they say"
        )
    _refuse_unlike([one for _, one in pairs])
    names = _names(values)
    made = [
        Studied(
            Condition(
                names[place],
                {key: shown(value) for key, value in values[place].items()},
                comparison.name,
                comparison.arms[0].figures[comparison.metric].mean,
            ),
            cohort,
            comparison,
        )
        for place, (cohort, comparison) in enumerate(pairs)
    ]
    order = sorted(range(len(made)), key=lambda place: [_place(value) for value in values[place].values()])
    made = [made[place] for place in order]
    return made, list(_beside(made, keys))


def _values(cohort: Cohort, keys: Sequence[str]) -> dict[str, Any]:
    """The keys with what they are: an option's name, such as of dataset, or a value."""
    choices: Mapping[str, Any] = cohort.groups[0].example.summary.choices
    return {key: choices.get(key, cohort.shared.get(key, ABSENT)) for key in keys}


def _place(value: Any) -> tuple[int, float, str]:
    """Where a value stands among others: numbers by size, then all else as text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, float(value), "") if number else (1, 0.0, shown(value))


def _spelled(values: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={shown(value)}" for key, value in values.items())


def _refuse_same(pairs: Sequence[tuple[Cohort, Comparison]], values: Sequence[Mapping[str, Any]]) -> None:
    """Refuse two comparisons under the same values: what else differs would be averaged without a word."""
    alike_ones: dict[str, list[Cohort]] = defaultdict(list)
    for (cohort, _), value in zip(pairs, values, strict=True):
        alike_ones[_spelled(value)].append(cohort)
    for name, several in alike_ones.items():
        if len(several) > 1:
            keys = _to_name(several)
            raise ConfigError(
                f"{OPTION}: {len(several)} comparisons have {name}; they differ in {listed(keys, 4)}, which "
                "must be named too, or be the same"
            )


def _to_name(several: Sequence[Cohort]) -> list[str]:
    """What comparisons differ in: choices, and keys that belong to none of these."""
    options = differing([cohort.groups[0].example.summary.choices for cohort in several])[0]
    keys = {key for key in differing([cohort.shared for cohort in several])[0]}
    return [*options, *_typed_first([key for key in keys if key.partition(".")[0] not in options])]


def _typed_first(keys: Collection[str]) -> list[str]:
    """Keys in order; those of train and dataset, which people type, before what may follow from them."""
    return sorted(keys, key=lambda key: (key.partition(".")[0] not in ("train", "dataset"), key))


def _refuse_unlike(several: Sequence[Comparison]) -> None:
    """Refuse comparisons that have not answered the same question."""
    first = several[0]
    for one in several:
        where = f"in {one.name}"
        for what in ("metric", "at"):  # and so what is predicted, of which a metric is
            if getattr(one, what) != getattr(first, what):
                raise ConfigError(
                    f"{OPTION}: all comparisons must have one {what}, got {getattr(first, what)} in "
                    f"{first.name} and {getattr(one, what)} {where}"
                )
        if one.baseline is None:
            raise ConfigError(
                f"{OPTION}: the baseline must be there in every condition, but is missing {where}"
            )
        if one.metric not in one.arms[0].figures:
            raise ConfigError(
                f"{OPTION}: {one.metric} must be measured in every condition, and no run of {one.baseline} "
                f"has it {where}"
            )


def _names(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those values that differ: of a choice its name alone, of another key its last word and the value."""
    keys = [key for key in values[0] if len({shown(one[key]) for one in values}) > 1]
    words = [key.rpartition(".")[2] for key in keys]
    short = {key: word if words.count(word) == 1 else key for key, word in zip(keys, words, strict=True)}
    return [
        " ".join(f"{short[key]}={shown(one[key])}" if "." in key else shown(one[key]) for key in keys)
        for one in values
    ]


def _beside(studied: Sequence[Studied], keys: Sequence[str]) -> Iterator[str]:
    """A sentence on each key that differs with the conditions, and neither is one of them nor part of one."""
    differs = differing([one.cohort.shared for one in studied])
    for key in differs[0]:
        if any(key == named or key.startswith(f"{named}.") for named in keys):
            continue
        by_value: dict[str, list[str]] = defaultdict(list)
        for one, values in zip(studied, differs, strict=True):
            by_value[shown(values[key])].append(one.condition.name)
        told = "; ".join(f"{value} ({listed(names, 3)})" for value, names in by_value.items())
        yield f"{key} differs with the conditions: {told}"
