"""`summary.json`: what a finished run has to say, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from regbench.assembly.data import rows_by_class
from regbench.records.files import RECORD_VERSION
from regbench.records.metrics import smaller_is_better
from regbench.records.status import Status
from regbench.records.summary import Epochs, Flops, Member, PerSplit, Snapshot, Summary, Targets
from regbench.regularizers.base import Stack, hooks
from regbench.tasks import Regression
from regbench.training.loop import Run
from regbench.types import Record


def best_of(history: Sequence[Record], monitor: str) -> Record | None:
    """The epoch of the best value; of equals the one of least select loss, then the first.

    Args:
        history: of a run.
        monitor: the metric of select that decides, as records name it; epochs that lack it are none.
    """
    sign = -1 if smaller_is_better(monitor) else 1
    evaluated = [record for record in history if {monitor, "select/loss"} <= record.metrics.keys()]

    def merit(record: Record) -> tuple[float, float]:
        return sign * record.metrics[monitor], -record.metrics["select/loss"]

    return max(evaluated, key=merit, default=None)


def describe_stack(stack: Stack) -> list[Member]:
    """Each leaf with its values, its off values, and where it acts."""
    return [
        Member(
            name=name,
            target=f"{type(leaf).__module__}.{type(leaf).__qualname__}",
            values=asdict(leaf) | {n: str(one) for n, one in leaf.schedules.items()},  # type: ignore[call-overload]
            off=dict(leaf.off),
            hooks=hooks(type(leaf)),
        )
        for name, leaf in stack.leaves()
    ]


def summarize(
    run: Run,
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    history: Sequence[Record],
    found: Mapping[str, Any],
    status: Status,
) -> Summary:
    """Everything but why the run ended and what was measured after it."""
    evaluated = [record for record in history if "val/loss" in record.metrics]
    splits = {"train": run.data.train, "select": run.data.select, "val": run.data.val}
    class_rows = {name: rows_by_class(split) for name, split in splits.items()}
    rows, each = len(run.data.train) * len(history), found["flops_per_example"]
    return Summary(
        version=RECORD_VERSION,
        name="+".join(name for name, _ in run.reg.leaves()) or "baseline",
        epochs=Epochs(planned=run.epochs, done=len(history)),
        last=_snapshot(evaluated[-1]) if evaluated else None,
        best=_snapshot(best) if (best := best_of(history, run.monitor)) else None,
        choices=dict(choices),
        config=dict(config),
        stack=describe_stack(run.reg),
        audit=found["findings"],
        warnings=found["warnings"],
        data=run.data.note,
        in_shape=list(run.data.in_shape),
        num_classes=run.data.num_classes,
        targets=_targets(run.data.train.numbers),
        classes=list(run.data.classes),
        rows=PerSplit(**{name: len(split) for name, split in splits.items()}),
        class_rows=PerSplit(**class_rows) if all(class_rows.values()) else None,
        curve_rows=PerSplit(**{n: len(split) for n, split in run.watched().splits.items()})
        if run.few
        else None,
        parameters=sum(p.numel() for p in run.model.parameters()),
        flops=Flops(per_example=each, total=each * rows),
        status=status,
    )


def _targets(numbers: Regression | None) -> Targets | None:
    """What a summary says of numbers to predict; nothing of classes."""
    if numbers is None:
        return None
    return Targets(
        list(numbers.targets), numbers.unit, list(numbers.mean), list(numbers.std), numbers.loss_form
    )


def _snapshot(record: Record) -> Snapshot:
    return Snapshot(record.epoch, record.metrics)
