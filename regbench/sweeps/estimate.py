"""What is left of a sweep, and what it will take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from regbench.assembly.device import use_settings
from regbench.assembly.run import build_run, check
from regbench.assembly.stack import build_stack
from regbench.assembly.workload import threads_of
from regbench.composition.settings import read_settings
from regbench.errors import duration
from regbench.evaluation.measurement import evaluate
from regbench.folders.state import State, damage_of, state_of
from regbench.records.files import READ_VERSIONS, undamaged
from regbench.records.status import Status
from regbench.records.summary import Summary
from regbench.regularizers.base import hooks
from regbench.sweeps.jobs import Job, size_of
from regbench.sweeps.replicas import choose
from regbench.terminal.bar import shown
from regbench.terminal.columns import Table
from regbench.terminal.screen import Terminal, print_table
from regbench.training.loop import train_epoch

SAMPLE = 40  # finished runs that are looked at for an estimate
TIMED_STEPS = 5
TIMED_ROWS = 1000
STATE_COPIES = 8  # of the weights: last and previous with the optimizer's momentum, best, and what is kept


@dataclass(frozen=True)
class Cost:
    """What one job is expected to take.

    Attributes:
        seconds: of one process.
        size: bytes on the disk.
    """

    seconds: float
    size: float


class Costs:
    """What the jobs of a sweep are expected to take, each kind once."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._finished = list(_finished(jobs[0].folder.parent))
        self._known: dict[tuple[str, ...], Cost] = {}

    def of(self, job: Job) -> Cost:
        """By runs that have finished, or else by a few steps.

        Raises:
            ConfigError: it cannot be run.
        """
        kind = _kind(job.config)
        if kind not in self._known:
            check(job.config)
            self._known[kind] = _from_finished(job, self._finished) or _from_steps(job)
        return self._known[kind]


def seconds_left(jobs: Sequence[Job], costs: Costs, seeds: int, workers: int) -> str:
    """How long it takes until each kind of jobs has so many seeds, beside those that have ended."""
    kinds: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        kinds.setdefault(_kind(job.config), []).append(job)
    total = 0.0
    for several in kinds.values():
        states = [state_of(job.folder) for job in several]
        done = sum(state.ended and state is not State.PRUNED for state in states)  # which counts for nothing
        total += costs.of(several[0]).seconds * max(0, seeds - done)
    return duration(total / workers)


def show(jobs: Sequence[Job], workers: int, costs: Costs | None = None, together: bool = False) -> None:
    """Print each job with its state, time and disk of those that are left, and which are trained together.

    Args:
        jobs: of the sweep.
        workers: how many run side by side.
        costs: what the jobs take, where it is known.
        together: whether the launcher can train several in one process.
    """
    console = Terminal()
    costs = costs or Costs(jobs)
    rows, left = [], []
    with shown(jobs, "estimating") as each:
        for job in each:
            state = state_of(job.folder)
            cells = ["", ""]
            if not state.ended:
                cost = costs.of(job)
                left.append(cost)
                cells = [duration(cost.seconds), _bytes(cost.size)]
            rows.append([job.name, state, *cells])
    print_table(console, Table(str(jobs[0].folder.parent), ["job", "state", "time", "disk"], rows))
    for job in jobs:
        if damage := damage_of(job.folder):
            console.print(
                f"{job.name} would be run again: {damage}", markup=False, highlight=False, soft_wrap=True
            )
    console.print()
    total, size = sum(cost.seconds for cost in left), sum(cost.size for cost in left)
    workers = max(1, min(workers, len(left)))
    console.print(
        f"{len(jobs)} jobs, {len(jobs) - len(left)} done, {len(left)} left: "
        f"about {duration(total / workers)} with {workers} at once, {_bytes(size)}",
        highlight=False,
        soft_wrap=True,
    )
    if said := choose([job for job in jobs if not state_of(job.folder).ended], workers, together).said:
        console.print(said, markup=False, highlight=False, soft_wrap=True)


def _kind(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Jobs of one kind take about the same: they differ in the seed alone, and the split."""
    dataset = {name: value for name, value in config["dataset"].items() if name != "split_seed"}
    kept = {**config, "dataset": dataset}
    return tuple(f"{name}={value}" for name, value in kept.items() if name != "seed")


def _finished(root: Path) -> Iterator[tuple[Summary, int]]:
    """Summaries of runs that have finished in a sweep, with their folders' sizes, newest first."""
    if not root.is_dir():
        return
    summaries = ((folder, undamaged(folder)) for folder in _newest_first(root))
    ended = (
        (folder, summary)
        for folder, summary in summaries
        if summary and summary.status is Status.FINISHED and summary.version in READ_VERSIONS
    )
    for folder, summary in islice(ended, SAMPLE):
        yield summary, size_of(folder)


def _newest_first(root: Path) -> list[Path]:
    """The folders in a folder; what cannot be looked into is left out."""
    ages = {}
    for path in root.iterdir():
        with suppress(OSError):  # a link that leads nowhere, or what is taken away at this moment
            if (about := path.stat()) and path.is_dir():
                ages[path] = -about.st_mtime
    return sorted(ages, key=ages.__getitem__)


def _from_finished(job: Job, finished: Sequence[tuple[Summary, int]]) -> Cost | None:
    """By runs of the same model and data, if there are any of the same stack by these; for as many epochs."""
    alike = [
        one
        for one in finished
        if all(one[0].config.get(part) == job.config[part] for part in ("model", "dataset"))
    ]
    same = [one for one in alike if list(one[0].config["reg"]) == list(job.config["reg"])] or alike
    if not same:
        return None
    epochs = job.config["train"]["epochs"]
    seconds = statistics.median(s.seconds / max(1, s.epochs.done) for s, _ in same) * epochs
    return Cost(seconds, statistics.median(size for _, size in same))


def _from_steps(job: Job) -> Cost:
    """By a few steps of training and one evaluation; what members learn before the run is left out."""
    settings, train = read_settings(job.config)
    settings.threads = threads_of(job.config)
    use_settings(settings)
    stack = build_stack(job.config["reg"])
    for name, leaf in list(stack.leaves()):
        if "prepare_data" in hooks(type(leaf)):  # it cannot act before it has learned
            stack = stack.without(name)
    run = build_run(job.config, stack)
    loop = train_epoch(run, 0)
    next(loop)
    started = time.perf_counter()
    taken = sum(1 for _ in islice(loop, TIMED_STEPS))
    step = (time.perf_counter() - started) / max(1, taken)
    started = time.perf_counter()
    few = run.data.val.subset(slice(0, TIMED_ROWS))
    evaluate(run.model, few, run.autocast)
    row = (time.perf_counter() - started) / len(few)
    evaluation = row * sum(map(len, run.watched().splits.values()))
    judging = row * 2 * sum(map(len, run.watched().whole.values())) if run.few else 0  # the last and the best
    steps = -(-len(run.data.train) // run.batch_size)
    seconds = train.epochs * (steps * step + evaluation / train.evaluate_every) + judging
    size = STATE_COPIES * sum(p.numel() * p.element_size() for p in run.model.parameters())
    return Cost(seconds, size)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
