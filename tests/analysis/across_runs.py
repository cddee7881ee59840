"""Runs under several conditions whose figures are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regbench.analysis.across import across
from regbench.analysis.across_report import Across, Technique
from regbench.analysis.comparison import report
from regbench.analysis.conditions import keys_of
from regbench.analysis.question import Question
from regbench.records.reader import Found, Result
from regbench.stats.paired_test import FIXED
from tests.records.made import figures, result

BASE = (0.90, 0.91, 0.89, 0.92, 0.90, 0.91, 0.88, 0.90)
RATES = (0.1, 0.2, 0.3, 0.4)


def condition(
    rate: float, steps: Mapping[str, Sequence[float] | float], base: Sequence[float] = BASE, **changes: Any
) -> list[Result]:
    """The baseline's runs at a learning rate, and those of each stack, so much better seed by seed.

    Args:
        rate: that tells conditions apart.
        steps: by the name of a member; one number, or one for each seed.
        base: accuracies of the baseline, one for each seed.
        changes: as of `result`.
    """
    config = {"train": {"lr": rate}, **changes.pop("config", {})}
    found = [result([], seed, [figures(value)], config=config, **changes) for seed, value in enumerate(base)]
    for name, step in steps.items():
        several = [step] * len(base) if isinstance(step, float) else list(step)
        found += [
            result([name], seed, [figures(base[seed] + more)], config=config, **changes)
            for seed, more in enumerate(several)
        ]
    return found


def told(results: Sequence[Result], keys: str = "train.lr", **question: Any) -> Across:
    """What holds over the conditions, cells judged by the fixed test unless asked otherwise."""
    found = Found(list(results))
    asked = Question(**{"metric": "val/accuracy", "test": FIXED, **question})
    return across(found, report(found, asked), asked, keys_of(keys, found.results))


def one(found: Across, name: str) -> Technique:
    (technique,) = [technique for technique in found.techniques if technique.name == name]
    return technique
