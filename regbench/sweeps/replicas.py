"""Which jobs of a sweep are trained together, and why: `replicas=auto|off|K`."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from regbench.assembly.device import use_settings
from regbench.assembly.run import build_run
from regbench.composition.settings import read_settings
from regbench.composition.shape import shape
from regbench.errors import ConfigError, listed
from regbench.folders.state import State, state_of
from regbench.records.identity import stack_name
from regbench.storage import checkpoint, checkpoint_form
from regbench.sweeps.grouping import groups
from regbench.sweeps.jobs import Job
from regbench.sweeps.threads import threads_of_each
from regbench.training.loop import Run
from regbench.training.replicas.proof import pays, unstackable

FEWEST = 4  # that `auto` trains together: a smaller stack gains less than it takes to find that out
MOST = 64  # that `auto` trains together: a larger stack gains little more
LEAST_GAIN = 1.1  # of a stack over its runs one by one: less is not worth last digits that differ
NAMED = 5  # stacks that are named for one reason
MEASURED = 16  # runs by which the gain of a stack is measured, at most
DECIDING = (
    "model",
    "dataset",
    "device",
    "precision",
    "threads",
)  # what a stack's gain depends on, in the main


@dataclass(frozen=True)
class Chosen:
    """Jobs that are launched, and how.

    Attributes:
        units: each the jobs that one process trains together, or a single one.
        said: what was chosen and why, in a line; empty where there was nothing to choose.
    """

    units: list[list[Job]]
    said: str = ""

    def at_once(self, workers: int) -> int:
        """How many jobs run at once by so many workers."""
        return sum(sorted(map(len, self.units), reverse=True)[:workers])


def choose(jobs: Sequence[Job], workers: int, can: bool) -> Chosen:
    """Which of the jobs that are left are trained together.

    Args:
        jobs: none of which has ended.
        workers: how many of them run side by side.
        can: whether the launcher can train several in one process.

    Raises:
        ConfigError: a number of replicas is asked for, and the launcher cannot.
    """
    asked = [read_settings(one.config)[0].replicas for one in jobs]
    numbers = [one for one in asked if one not in ("auto", "off", 1)]
    if numbers and not can:
        raise ConfigError(
            "replicas: must be auto or off where each job is run by itself, by another's launcher or for "
            f"Hydra's chdir, env_set or callbacks, got {numbers[0]}"
        )
    limits = [_limit(one, len(jobs), workers) for one in asked]
    if not can or max(limits, default=1) < 2:
        return Chosen([[one] for one in jobs])
    kinds, whys = _stackable(jobs, _alike(jobs, limits))
    kinds, gained = _paying(jobs, kinds, limits, asked)
    units = groups(jobs, kinds, limits)
    return Chosen(units, _said(len(jobs), units, [*whys, *gained]))


def _limit(asked: Any, jobs: int, workers: int) -> int:
    """How many jobs one process trains together at most; by `auto` so many that all workers are busy."""
    if asked == "auto":
        most = min(MOST, math.ceil(jobs / workers))
        return most if most >= FEWEST else 1
    return 1 if asked == "off" else asked  # type: ignore[no-any-return]


def _alike(jobs: Sequence[Job], limits: Sequence[int]) -> list[Hashable]:
    """What each job shares with those that it might be trained with; None where there are none."""
    shapes: list[Hashable] = [
        shape(one.config) if limit > 1 else None for one, limit in zip(jobs, limits, strict=True)
    ]
    far = [(kind, _epochs(one)) if kind else None for one, kind in zip(jobs, _several(shapes), strict=True)]
    return _several(far)


def _several(kinds: Sequence[Hashable], fewest: int = 2) -> list[Hashable]:
    """Without the kinds of which there are fewer jobs."""
    counts = Counter(kinds)
    return [kind if counts[kind] >= fewest else None for kind in kinds]


def _epochs(job: Job) -> int:
    """After how many epochs its run goes on."""
    if state_of(job.folder) is not State.NEW and checkpoint.exists(job.folder):
        with suppress(checkpoint.Damaged):
            return len(checkpoint_form.newest(job.folder)[0]["history"])
    return 0


def _of(kinds: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    """The places of the jobs of each kind."""
    found: dict[Hashable, list[int]] = {}
    for place, kind in enumerate(kinds):
        if kind is not None:
            found.setdefault(kind, []).append(place)
    return found


def _stackable(jobs: Sequence[Job], kinds: Sequence[Hashable]) -> tuple[list[Hashable], list[str]]:
    """The kinds whose runs can be one stack, maybe where the seed alone differs; and why others cannot."""
    found: list[Hashable] = [None] * len(jobs)
    whys: dict[str, list[str]] = {}  # the stacks of each
    for kind, places in _of(kinds).items():
        if not _why_not([jobs[place] for place in few(places)]):
            for place in places:
                found[place] = kind
            continue
        seedless = [json.dumps({**jobs[place].config, "seed": None}, default=str) for place in places]
        for narrower, inner in _of(_several(seedless)).items():
            if why := _why_not([jobs[places[one]] for one in inner[:2]]):
                stack = stack_name(jobs[places[0]].config["reg"])
                whys.setdefault(why.removeprefix("replicas: "), []).append(stack)
                break  # of the others it is the same
            for one in inner:
                found[places[one]] = (kind, narrower)
    return found, [f"{listed(list(dict.fromkeys(names)), NAMED)}: {why}" for why, names in whys.items()]


def few(places: Sequence[int]) -> list[int]:
    """Some of many, the first two and the last among them."""
    return sorted({*places[:2], places[len(places) // 2], places[-1]})


def _why_not(jobs: Sequence[Job]) -> str:
    """Why the runs of these jobs cannot be one stack; empty where they can."""
    try:
        return unstackable(_built(jobs))
    except ConfigError as error:
        return str(error)


def _built(jobs: Sequence[Job]) -> list[Run]:
    settings, _ = read_settings(jobs[0].config)
    (settings.threads,) = threads_of_each(jobs[:1])
    use_settings(settings)
    return [build_run(one.config, learn=False) for one in jobs]


def _paying(
    jobs: Sequence[Job], kinds: Sequence[Hashable], limits: Sequence[int], asked: Sequence[Any]
) -> tuple[list[Hashable], list[str]]:
    """Without the kinds of which, by `auto`, a stack gains too little; each model is measured once."""
    found = list(kinds)
    gains: dict[str, tuple[float, int]] = {}
    for places in _of(kinds).values():
        if asked[places[0]] != "auto":
            continue
        if len(places) < FEWEST:
            found = [None if place in places else kind for place, kind in enumerate(found)]
            continue
        config = jobs[places[0]].config
        about = json.dumps([*(config[name] for name in DECIDING), config["train"]["batch_size"]], default=str)
        if about not in gains:
            measured = [jobs[place] for place in places[: min(limits[places[0]], MEASURED)]]
            gains[about] = pays(_built(measured)), len(measured)
        if gains[about][0] < LEAST_GAIN:
            for place in places:
                found[place] = None
    return found, [_gained(*one) for one in gains.values()]


def _gained(ratio: float, runs: int) -> str:
    return f"a stack of {runs} takes {1 / max(ratio, 0.01):.2f} of the time of its runs one by one"


def _said(jobs: int, units: Sequence[Sequence[Job]], whys: Sequence[str]) -> str:
    """One line on what was chosen, and why."""
    sizes = [len(unit) for unit in units if len(unit) > 1]
    counted = Counter(sizes)
    made = " and ".join(f"{count} of {size}" for size, count in sorted(counted.items(), reverse=True))
    chosen = f"{sum(sizes)} of {jobs} jobs are trained together, in stacks: {made}" if sizes else ""
    if not sizes and whys:
        chosen = "no jobs are trained together"
    return f"replicas: {'; '.join([chosen, *whys])}" if chosen else ""
