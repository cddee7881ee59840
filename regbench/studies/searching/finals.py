"""The finalists of each arm, and the one of them that is chosen."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import count, islice
from typing import Any

from regbench.analysis.searching import BASELINE, Arm, Finalist, Trial
from regbench.studies.searching.judging import Judge
from regbench.studies.searching.optuna_trials import ranked, value_of
from regbench.studies.searching.settings import Settings
from regbench.studies.searching.space import DECAY
from regbench.sweeps.jobs import Job

FRESH = 100  # the first seed of those that confirm


def choose_finalists(
    arms: Sequence[Arm], settings: Settings, seeds: Sequence[int], smaller: bool
) -> dict[str, Any] | None:
    """The numbers of each arm's best trials, the seeds that they get, and those that confirm.

    None where the baseline has no complete trial, or no other arm has one.

    Args:
        arms: with all their trials.
        settings: how many, and how many seeds.
        seeds: that trials have seen.
        smaller: whether less of the score is better.
    """
    best = {arm.name: _best(_stacks(arm), settings.finalists, smaller) for arm in arms}
    if not best[BASELINE] or not any(numbers for name, numbers in best.items() if name != BASELINE):
        return None
    new = list(islice((seed for seed in count() if seed not in seeds), settings.finalist_seeds))
    taken = {*seeds, *new}
    fresh = list(islice((seed for seed in count(FRESH) if seed not in taken), settings.confirm_seeds))
    return {
        "trials": {name: numbers for name, numbers in best.items() if numbers},
        "seeds": new,
        "fresh": fresh,
    }


def _stacks(arm: Arm) -> list[Trial]:
    """Its trials that may be finalists: without a candidate, weight decay aside, they are the baseline's."""
    return [one for one in arm.trials if {*one.members} - {DECAY} or not arm.candidates]


def _best(trials: Sequence[Trial], most: int, smaller: bool) -> list[int]:
    """The numbers of the best, the best first, of those of the same words the first."""
    scored = [(value, -one.number, one) for one in trials if (value := value_of(one, smaller)) is not None]
    found: dict[tuple[str, ...], int] = {}
    for _, _, one in sorted(scored, key=lambda each: each[:2], reverse=True):
        found.setdefault(tuple(one.words), one.number)
    return list(found.values())[:most]


def finalists_of(jobs: Mapping[int, Sequence[Job]], judge: Judge, seeds: Sequence[int]) -> list[Finalist]:
    """What an arm's finalists have reached, the best first; it is chosen.

    Args:
        jobs: of each, by the number of its trial.
        judge: scores runs.
        seeds: of the jobs, in order.
    """
    found = []
    for trial, several in jobs.items():
        reached = {seed: judge.score(job) for seed, job in zip(seeds, several, strict=True)}
        scores = {seed: one[0] for seed, one in reached.items() if one is not None}
        losses = [one[1] for one in reached.values() if one is not None and one[1] is not None]
        missing = len(seeds) - len(scores)
        whole = not missing
        found.append(
            Finalist(
                trial,
                scores,
                statistics.fmean(scores.values()) if whole else None,
                statistics.stdev(scores.values()) if whole and len(scores) > 1 else None,
                statistics.fmean(losses) if whole and len(losses) == len(seeds) else None,
                False,
                "" if whole else f"{missing} of {len(seeds)} runs have not finished",
            )
        )

    def order(one: Finalist) -> float:
        return float("-inf") if one.mean is None else ranked(one.mean, one.loss, judge.smaller)

    found.sort(key=order, reverse=True)  # stable: of equal ones that whose trial was the better
    if found and found[0].mean is not None:
        found[0] = Finalist(**{**vars(found[0]), "chosen": True})
    return found


def winner_of(arms: Sequence[Arm], smaller: bool) -> tuple[Arm, Trial, Trial] | None:
    """The arm whose chosen finalist is the best of all but the baseline, that trial, and the baseline's.

    None where the baseline has none, or no other arm.
    """
    base = next(arm for arm in arms if arm.name == BASELINE).chosen
    others = [(mean_of(arm, smaller), arm, arm.chosen) for arm in arms if arm.name != BASELINE and arm.chosen]
    if base is None or not others:
        return None
    _, arm, trial = max(others, key=lambda one: one[0])
    assert trial is not None
    return arm, trial, base


def mean_of(arm: Arm, smaller: bool) -> float:
    """Of its chosen finalist, what is made as large as can be."""
    one = next(each for each in arm.finalists if each.chosen)
    assert one.mean is not None
    return ranked(one.mean, one.loss, smaller)
