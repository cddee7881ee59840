"""Seeds that each have a split of their own: runs that are compared over splits, and how they are judged."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from regbench.analysis.cohorts import Cohort
from regbench.analysis.question import Question
from regbench.errors import ConfigError, counted
from regbench.records.metrics import split_of
from regbench.records.reader import Result
from regbench.stats.paired_test import resampled

SPLIT = "dataset.split_seed"
MOST_SHARE = 1 / 4  # val rows are a sixth of the rows at most, and select as many
EACH = "of each seed"  # stands for the value of that key where every seed has its own
Run = tuple[int, Any]  # a seed and its split


def follows(runs: Iterable[Run]) -> bool:
    """Whether of two seeds or more each has one split, and no two the same."""
    pairs = set(runs)
    return len(pairs) > 1 and len({seed for seed, _ in pairs}) == len({cut for _, cut in pairs}) == len(pairs)


def over_splits(results: Iterable[Result]) -> list[Result]:
    """Results, of which those that are over splits share the condition `EACH`.

    That are the runs, alike in all but stack, seed and split, of two seeds or more that each have a split
    which no other seed has, the same in all stacks. All others keep their split as a condition. Where several
    seeds have one split too, as in an earlier sweep, a run of it that goes on with the row of the others
    (split = seed + a number) belongs to both. Runs whose val rows are the source's own are no such runs:
    these rows are the same in all splits.
    """
    alike: dict[str, list[Result]] = defaultdict(list)
    kept = []
    for result in results:
        rows = result.summary.rows
        if isinstance(result.shared.get(SPLIT), int | float) and rows.val == rows.select and rows.train:
            rest = {key: value for key, value in result.shared.items() if key != SPLIT}
            alike[json.dumps(rest, sort_keys=True, default=str)].append(result)
        else:
            kept.append(result)
    for several in alike.values():
        row = _row(several)
        shared = {cut for _, cut in {_run(result) for result in several} - row}
        for result in several:
            if _run(result) in row:
                kept.append(replace(result, shared={**result.shared, SPLIT: EACH}))
            if _run(result) not in row or result.shared[SPLIT] in shared:
                kept.append(result)
    return kept


def _run(result: Result) -> Run:
    return result.seed, result.shared[SPLIT]


def _row(results: Iterable[Result]) -> set[Run]:
    """Seeds that each have a split of their own, the same in all stacks, with these splits."""
    seeds_of: dict[tuple[str, Any], set[int]] = defaultdict(set)  # by stack and split
    for result in results:
        seeds_of[result.stack, result.shared[SPLIT]].add(result.seed)
    alone = {(seed, cut) for (_, cut), seeds in seeds_of.items() if len(seeds) == 1 for seed in seeds}
    if not follows(alone):
        return set()
    runs = {(seed, cut) for (_, cut), seeds in seeds_of.items() for seed in seeds}
    steps = {cut - seed for seed, cut in alone}
    return alone | {(seed, cut) for seed, cut in runs if len(steps) == 1 and cut - seed in steps}


def is_over(shared: Mapping[str, Any]) -> bool:
    """Whether runs of these conditions are compared over splits."""
    return shared.get(SPLIT) == EACH


def asked_of(question: Question, cohort: Cohort) -> Question:
    """A question as it is put to the runs of a cohort: over splits another test answers it.

    Raises:
        ConfigError: over splits, of a metric whose rows are the same in all of them.
    """
    if not is_over(cohort.shared):
        return question
    if split_of(question.metric) == "test":
        raise ConfigError(
            "--metric: must be of val where each seed has a split of its own, as the test rows are the same "
            f"in all splits, got {question.metric}"
        )
    rows = [
        result.summary.rows for group in cohort.groups for result in (group.example, *group.results.values())
    ]
    return replace(question, test=resampled(max(share_of(one.train, one.val) for one in rows)))


def share_of(train: int, val: int) -> float:
    """By how much splits of one data set overlap: its val rows over the rows that train is cut from.

    Beside n_val rows of val there are 4 n_val for train at least (`data.splits.carve`); where all are kept
    it is n_val / n_train. Where a part is (`num_train`, `train_fraction`) splits share no more than before.
    """
    return min(val / train, MOST_SHARE)


def told_apart(cohort: Cohort) -> list[str]:
    """A sentence where splits set runs apart that share no more than a seed."""
    alone = all(len(group.results) < 2 for group in cohort.groups)
    if SPLIT not in cohort.differs or is_over(cohort.shared) or not alone:
        return []
    return [
        f"told apart by {SPLIT}: verdicts are over splits where each seed has one of its own, the same in "
        "all stacks, and val is cut by it"
    ]


def about(cohort: Cohort) -> str:
    """What verdicts on a cohort are of: one split, or many."""
    rows = cohort.groups[0].example.summary.rows
    if is_over(cohort.shared):
        return said_over(rows.train, rows.val)
    return f"all of it on one validation split, of {counted(rows.val, 'row')}"


def said_over(train: int, val: int) -> str:
    """What verdicts over splits of so many rows are of."""
    return (
        f"verdicts are over splits: each seed has one of its own, of {counted(train, 'row')} of train and "
        f"{val:,} of val, all cut from one data set"
    )
