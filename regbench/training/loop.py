"""The loop: a run in, one record after each epoch out."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from regbench.evaluation.measurement import gaps
from regbench.evaluation.view import View, Watched, view
from regbench.nn.logits import still_logits
from regbench.optimizers import LR_FACTOR, update
from regbench.regularizers.base import Stack
from regbench.sites import recording
from regbench.streams import Clock, keyed_seed, seed_draws
from regbench.training.order import batches
from regbench.training.ranks import SharedSteps
from regbench.training.totals import Totals, all_finite
from regbench.types import Batch, Dataset, ForwardPass, Record, Split

STEPS_BETWEEN_CHECKS = 50  # on a CPU; elsewhere a look at the loss would wait for the device


@dataclass
class Run:
    """Everything that one training run needs, built and on its device.

    Attributes:
        class_weights: (C,) of the data loss, their mean over the train rows 1; None where all weigh alike.
        warnings: what of the settings is seldom meant with these data.
        note: how the settings were understood, a sentence a line; may be empty.
        monitor: the metric of select that picks the best epoch.
        few: by split, the rows that are measured after an epoch; all where a split is missing (`Watched`).
        ranks: the processes that share the micro-batches of a step; None where all are worked at here.
    """

    model: nn.Module
    reg: Stack
    optimizer: Any
    schedule: Callable[[float], float]
    data: Dataset
    device: torch.device
    seed: int
    epochs: int
    batch_size: int
    lr: float
    accumulate: int = 1
    evaluate_every: int = 1
    bf16: bool = False
    evaluate: Sequence[str] = ()
    class_weights: Tensor | None = None
    warnings: Sequence[str] = ()
    note: str = ""
    monitor: str = "select/accuracy"
    few: Mapping[str, Tensor] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    ranks: SharedSteps | None = None

    def watched(self) -> Watched:
        """What of its data is measured."""
        return Watched(self.data, self.few)

    def autocast(self) -> AbstractContextManager[Any]:
        """The number format of forward passes, in training and in evaluation."""
        return autocast_for(self.device, self.bf16)

    def forward(self, inputs: Tensor) -> Any:
        """What the model returns for a batch's inputs."""
        return self.model(inputs)

    def target_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The data loss, a scalar, where no member has one of its own."""
        return self.data.task.loss(outputs, targets, self.class_weights)

    def set_rate(self, factor: float) -> None:
        """Let every group of parameters learn at this factor of `lr`, times its own factor."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * factor * group.get(LR_FACTOR, 1.0)


def autocast_for(device: torch.device, bf16: bool) -> AbstractContextManager[Any]:
    """The number format of forward passes on a device."""
    return torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()


class StepEnd(NamedTuple):
    """One update is done."""

    epoch: int
    step: int
    steps: int


class EpochEnd(NamedTuple):
    """One epoch is done; `evaluated` and `view` are None where it was not evaluated."""

    record: Record
    evaluated: nn.Module | None
    stopped: bool
    view: View | None = None


class Diverged(Exception):
    """The objective or a measured loss is no finite number."""


def fit(run: Run, history: Sequence[Record] = ()) -> Iterator[StepEnd | EpochEnd]:
    """Train epoch by epoch, from where the history ends.

    Raises:
        Diverged: a loss became infinite or NaN.
    """
    records, watched = list(history), run.watched()
    started = time.perf_counter()
    for epoch in range(len(records), run.epochs):
        seed_draws(keyed_seed(run.seed, "epoch", epoch))  # for modules that draw by themselves
        run.reg.begin_epoch(epoch / run.epochs)
        metrics = yield from train_epoch(run, epoch)
        if not all_finite(run.model.parameters()):
            raise Diverged(f"a weight is not finite after epoch {epoch + 1}")
        evaluated = seen = None
        if (epoch + 1) % run.evaluate_every == 0 or epoch + 1 == run.epochs:
            evaluated = run.reg.eval_model(run.model)
            seen = view(evaluated, watched, run.autocast, run.evaluate, run.ranks)
            metrics |= seen.metrics | gaps(seen.metrics) | run.reg.metrics(evaluated)
            _require_finite(seen.metrics.values(), f"a measured loss of epoch {epoch + 1}")
        now = time.perf_counter()
        # What is done with a record counts for the next.
        metrics["time/epoch_s"], started = now - started, now
        records.append(Record(epoch + 1, metrics))
        stopped = evaluated is not None and run.reg.end_epoch(records, evaluated)
        yield EpochEnd(records[-1], evaluated, stopped, seen)
        if stopped:
            return


def train_epoch(run: Run, epoch: int) -> Generator[StepEnd, None, dict[str, float]]:
    """Show every train row once; return the epoch's objective, learning rate and speed."""
    run.model.train()
    order = batch_order(run, epoch)
    totals = Totals()
    steps = run.epochs * len(order)
    looks = run.device.type == "cpu"
    started, waited = time.perf_counter(), 0.0
    for step, rows in enumerate(order):
        factor = begin_step(run, epoch * len(order) + step, steps)
        terms = train_step(run, run.data.train[rows]) if run.ranks is None else shared_step(run, rows)
        totals.add(terms, len(rows))
        last = step + 1 == len(order)
        if last or (looks and (step + 1) % STEPS_BETWEEN_CHECKS == 0):
            sums = totals.sums()
            _require_finite(sums.values(), f"the objective in epoch {epoch + 1}")
        paused = time.perf_counter()
        yield StepEnd(epoch, step, len(order))
        waited += time.perf_counter() - paused
    seconds = time.perf_counter() - started - waited
    rows_seen = len(run.data.train)
    objective = {f"objective/{name}": total / rows_seen for name, total in sums.items()}
    return (
        objective
        | run.reg.scheduled()
        | {
            "schedule/lr": run.lr * factor,
            "time/examples_per_s": rows_seen / seconds,
        }
    )


def begin_step(run: Run, step: int, steps: int) -> float:
    """Move a run's clock, ramps and learning rate to a step of so many; return the factor of the latter."""
    run.clock.step = step
    run.reg.begin_step(step / (steps - 1) if steps > 1 else 1.0)
    factor = run.schedule((step + 0.5) / steps)
    run.set_rate(factor)
    return factor


def batch_order(run: Run, epoch: int) -> list[Tensor]:
    """The rows of each batch of an epoch: the same for every stack and on every device."""
    return batches(len(run.data.train), run.batch_size, run.seed, epoch, run.device)


def train_step(run: Run, batch: Batch) -> dict[str, Tensor]:
    """Update the weights once; return the terms of the objective, means over the batch."""
    return _step(run, micro_batches(batch, run.accumulate), len(batch))


def shared_step(run: Run, rows: Tensor) -> dict[str, Tensor]:
    """The same with these train rows, of which each rank reads those of its micro-batches."""
    parts = rows.tensor_split(_parts(len(rows), run.accumulate))
    return _step(run, RowsOf(run.data.train, parts), len(rows))


class RowsOf(Sequence[Batch]):
    """Micro-batches of a split, each made when it is asked for.

    Args:
        split: the rows.
        parts: the numbers of those of each.
    """

    def __init__(self, split: Split, parts: Sequence[Tensor]) -> None:
        self._split, self._parts = split, parts

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, number: Any) -> Any:
        return self._split[self._parts[number]]


def _step(run: Run, parts: Sequence[Batch], rows: int) -> dict[str, Tensor]:
    """Update the weights once by micro-batches of so many rows in all."""
    run.clock.passes = -1  # before the first
    shown = {}
    numbers: Iterable[int] = range(len(parts)) if run.ranks is None else run.ranks.own(len(parts))
    for run.clock.micro in numbers:
        micro = parts[run.clock.micro]
        shown[run.clock.micro] = (run.reg.transform_batch(micro), len(micro) / rows)
    run.clock.passes = 0
    first: dict[str, Tensor] = {}

    def closure(probe: bool) -> Tensor:
        run.optimizer.zero_grad()
        values = []
        for run.clock.micro in numbers:
            micro, share = shown[run.clock.micro]
            terms = objective(run, micro)
            total = weighed(terms["data"] if probe else reduce(add, terms.values()), share)
            total.backward()
            values.append(total.detach())
            if run.clock.passes == 0:
                for name, term in terms.items():
                    part = weighed(term.detach(), share)
                    first[name] = first[name] + part if name in first else part
        return reduce(add, values) if run.ranks is None else run.ranks.together(values, first)

    make_update(run, closure)
    return first


def micro_batches(batch: Batch, count: int) -> list[Batch]:
    """The batch in so many parts, one after the other, none of a single row if it can be helped."""
    parts = _parts(len(batch), count)
    if parts == 1:
        return [batch]
    numbers = [None] * parts if batch.rows is None else batch.rows.tensor_split(parts)
    values = zip(batch.inputs.tensor_split(parts), batch.targets.tensor_split(parts), numbers, strict=True)
    return [Batch(*each) for each in values]


def _parts(rows: int, count: int) -> int:
    """Into how many parts rows are split where so many are asked for."""
    return max(1, min(count, rows // 2))


def weighed(value: Tensor, share: float) -> Tensor:
    """A value times a share; at 1 as it is, for each operation on a scalar costs 1 % of a small step."""
    return value if share == 1 else value * share


def make_update(run: Run, closure: Callable[[bool], Tensor]) -> None:
    """Update the weights once, by the gradient that the closure leaves, with every member's edits.

    Args:
        run: of which model, stack, optimizer and clock are used; the clock stands at the first pass.
        closure: a pass over the step's whole batch: puts the gradient into the parameters and returns the
            loss. True asks for the gradient of the data loss alone.
    """

    def edited(probe: bool = False) -> Tensor:
        value = closure(probe)
        if not probe:
            run.reg.edit_gradients(run.model)
        run.clock.passes += 1
        return value

    update(run.optimizer, edited)
    run.reg.edit_weights(run.model)
    run.reg.end_step(run.model)


def objective(run: Run, batch: Batch) -> dict[str, Tensor]:
    """The terms whose sum is minimized: the data loss and every penalty."""
    if run.bf16 or run.reg.records_hidden:
        with recording(run.model, run.reg.records_hidden) as hidden, run.autocast():
            output = run.forward(batch.inputs)
    else:
        output, hidden = run.forward(batch.inputs), []
    task = run.data.task
    logits = still_logits(output, len(batch), batch.targets.shape[1], task.returned).float()
    forward = ForwardPass(run.model, batch, logits, hidden, run.class_weights, run.bf16)
    loss = run.reg.data_loss(forward)
    if loss is None:
        loss = run.target_loss(logits, batch.targets)
    return {"data": run.reg.transform_loss(loss)} | run.reg.penalties(forward)


def _require_finite(values: Iterable[float], what: str) -> None:
    if not all(map(_finite, values)):
        raise Diverged(f"{what} is not finite")


def _finite(value: float) -> bool:
    return value - value == 0
