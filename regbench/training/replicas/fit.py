"""The loop over a stack of runs: each run's records, as it would have left them alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence

import torch
from torch import Tensor

from regbench.evaluation.measurement import gaps
from regbench.evaluation.view import View
from regbench.training.loop import Diverged, EpochEnd, Run, StepEnd, batch_order, begin_step, fit
from regbench.training.replicas.events import ReplicaEnd
from regbench.training.replicas.stack import RunStack
from regbench.types import Record

End = tuple[dict[str, float], torch.nn.Module | None, View | None]  # of an epoch of one run


def fit_stack(
    runs: Sequence[Run],
    histories: Sequence[Sequence[Record]],
    is_over: Callable[[int], bool] = lambda _: False,
) -> Iterator[StepEnd | ReplicaEnd]:
    """Train several runs at once, epoch by epoch, each from where its history ends.

    All histories end with the same epoch. A run leaves the stack with its last epoch, where one of its
    members stops it, where it diverges, or where it is over; what is left of the stack goes on. When the end
    of a run's epoch is told, its model, optimizer and members hold what they would alone. Times are a run's
    share: those of the stack divided by how many are in it.

    Args:
        runs: of one stack.
        histories: of each.
        is_over: whether a run, by its number, has come to an end of which the loop does not know, such as
            that it was given up; asked once the end of an epoch of it has been told.
    """
    records = [list(history) for history in histories]
    going = [index for index, run in enumerate(runs) if len(records[index]) < run.epochs]
    while len(going) > 1:
        left = yield from _until_one_leaves(runs, records, going, is_over)
        going = [index for index in going if index not in left]
    for index in going:
        yield from _alone(index, runs[index], records[index], is_over)


def _alone(
    index: int, run: Run, history: Sequence[Record], is_over: Callable[[int], bool]
) -> Iterator[StepEnd | ReplicaEnd]:
    try:
        for event in fit(run, history):
            if not isinstance(event, EpochEnd):
                yield event
                continue
            yield ReplicaEnd(index, event)
            if is_over(index):
                return
    except Diverged as error:
        yield ReplicaEnd(index, None, str(error))


def _until_one_leaves(
    runs: Sequence[Run],
    records: list[list[Record]],
    going: Sequence[int],
    is_over: Callable[[int], bool],
) -> Generator[StepEnd | ReplicaEnd, None, set[int]]:
    """Train the runs whose numbers are given until some of them are done; return which."""
    stack = RunStack([runs[index] for index in going])
    left: set[int] = set()
    started = time.perf_counter()
    while not left:
        epoch = len(records[going[0]])
        for run in stack.runs:
            run.reg.begin_epoch(epoch / run.epochs)
        metrics = yield from _train_epoch(stack, epoch)
        ends = _evaluate(stack, epoch, metrics)
        now = time.perf_counter()
        share, started = (now - started) / len(going), now
        for index, end in zip(going, ends, strict=True):
            if isinstance(end, str):
                left.add(index)
                yield ReplicaEnd(index, None, end)
                continue
            run, (found, evaluated, seen) = runs[index], end
            records[index].append(Record(epoch + 1, found | {"time/epoch_s": share}))
            stopped = evaluated is not None and run.reg.end_epoch(records[index], evaluated)
            if stopped or epoch + 1 == run.epochs:
                left.add(index)
            yield ReplicaEnd(index, EpochEnd(records[index][-1], evaluated, stopped, seen))
            if is_over(index):
                left.add(index)
    stack.part()
    return left


def _train_epoch(stack: RunStack, epoch: int) -> Generator[StepEnd, None, list[dict[str, float]]]:
    """Show every train row once to every run; return each one's objective, learning rate and speed."""
    runs = stack.runs
    for run in runs:
        if not run.model.training:  # setting it takes as long as a run's share of a step
            run.model.train()
    orders = [batch_order(run, epoch) for run in runs]
    sizes = [len(rows) for rows in orders[0]]
    batches = torch.stack([torch.cat(order) for order in orders]).split(sizes, 1)
    totals: dict[str, Tensor] = {}
    started, waited = time.perf_counter(), 0.0
    for step, rows in enumerate(batches):
        factors = [begin_step(run, epoch * len(sizes) + step, run.epochs * len(sizes)) for run in runs]
        for name, term in stack.step(rows).items():
            totals[name] = totals[name] + term * sizes[step] if name in totals else term * sizes[step]
        paused = time.perf_counter()
        yield StepEnd(epoch, step, len(sizes))
        waited += time.perf_counter() - paused
    seconds = (time.perf_counter() - started - waited) / len(runs)
    rows_seen = len(runs[0].data.train)
    sums = {f"objective/{name}": total.tolist() for name, total in totals.items()}
    return [
        {name: values[k] / rows_seen for name, values in sums.items()}
        | {"schedule/lr": run.lr * factors[k], "time/examples_per_s": rows_seen / seconds}
        for k, run in enumerate(runs)
    ]


def _evaluate(stack: RunStack, epoch: int, metrics: Sequence[dict[str, float]]) -> list[str | End]:
    """Each run's metrics and what was evaluated, or why it has diverged."""
    runs = stack.runs
    lost = [_lost(epoch, found, sound) for found, sound in zip(metrics, stack.finite(), strict=True)]
    due = [(epoch + 1) % run.evaluate_every == 0 or epoch + 1 == run.epochs for run in runs]
    evaluated = [run.reg.eval_model(run.model) for run in runs]
    looks = any(due) and not all(lost)
    seen: list[View | None] = [*stack.measured(evaluated)] if looks else [None] * len(runs)
    ends: list[str | End] = []
    for k, run in enumerate(runs):
        one = seen[k]
        if lost[k] or not due[k] or one is None:
            ends.append(lost[k] or (metrics[k], None, None))
        elif not all(map(_finite, one.metrics.values())):
            ends.append(f"a measured loss of epoch {epoch + 1} is not finite")
        else:
            found = metrics[k] | one.metrics | gaps(one.metrics) | run.reg.metrics(evaluated[k])
            ends.append((found, evaluated[k], one))
    return ends


def _lost(epoch: int, metrics: dict[str, float], sound: bool) -> str:
    """Why a run has diverged in an epoch; empty where it has not."""
    if not all(_finite(value) for name, value in metrics.items() if name.startswith("objective/")):
        return f"the objective in epoch {epoch + 1} is not finite"
    return "" if sound else f"a weight is not finite after epoch {epoch + 1}"


def _finite(value: float) -> bool:
    return value - value == 0
