"""`summary.json`: what a finished run has to say, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from regbench.assembly.data import rows_by_class
from regbench.records.files import RECORD_VERSION
from regbench.records.metrics import CHOOSING
from regbench.records.status import Status
from regbench.records.summary import Epochs, Flops, Member, PerSplit, Snapshot, Summary
from regbench.regularizers.base import Stack, hooks
from regbench.training.loop import Run
from regbench.types import Record


def best_of(history: Sequence[Record]) -> Record | None:
    """The epoch of highest select accuracy; of equals the one of least select loss, then the first."""
    evaluated = [record for record in history if "select/loss" in record.metrics]
    return max(evaluated, key=_merit, default=None)


def _merit(record: Record) -> tuple[float, float]:
    return record.metrics[CHOOSING], -record.metrics["select/loss"]


def describe_stack(stack: Stack) -> list[Member]:
    """Each leaf with its values, its off values, and where it acts."""
    return [
        Member(
            name=name,
            target=f"{type(leaf).__module__}.{type(leaf).__qualname__}",
            values=asdict(leaf),  # type: ignore[call-overload]
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
        best=_snapshot(best) if (best := best_of(history)) else None,
        choices=dict(choices),
        config=dict(config),
        stack=describe_stack(run.reg),
        audit=found["findings"],
        warnings=found["warnings"],
        data=run.data.note,
        in_shape=list(run.data.in_shape),
        num_classes=run.data.num_classes,
        classes=list(run.data.classes),
        rows=PerSplit(**{name: len(split) for name, split in splits.items()}),
        class_rows=PerSplit(**class_rows) if all(class_rows.values()) else None,
        parameters=sum(p.numel() for p in run.model.parameters()),
        flops=Flops(per_example=each, total=each * rows),
        status=status,
    )


def _snapshot(record: Record) -> Snapshot:
    return Snapshot(record.epoch, record.metrics)
