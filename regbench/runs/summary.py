"""`summary.json`: what a finished run has to say, in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from regbench.assembly.data import rows_by_class
from regbench.records.files import RECORD_VERSION
from regbench.regularizers.base import Stack, hooks
from regbench.training.loop import Run
from regbench.types import Record


def best_of(history: Sequence[Record]) -> Record | None:
    """The epoch of highest select accuracy; of equals the one of least select loss, then the first."""
    evaluated = [record for record in history if "select/loss" in record.metrics]
    return max(evaluated, key=_merit, default=None)


def _merit(record: Record) -> tuple[float, float]:
    return record.metrics["select/accuracy"], -record.metrics["select/loss"]


def describe_stack(stack: Stack) -> list[dict[str, Any]]:
    """Each leaf with its values, its off values, and where it acts."""
    return [
        {
            "name": name,
            "target": f"{type(leaf).__module__}.{type(leaf).__qualname__}",
            "values": asdict(leaf),  # type: ignore[call-overload]
            "off": dict(leaf.off),
            "hooks": hooks(type(leaf)),
        }
        for name, leaf in stack.leaves()
    ]


def summarize(
    run: Run,
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    history: Sequence[Record],
    found: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything but how the run ended and what was measured after it."""
    evaluated = [record for record in history if "val/loss" in record.metrics]
    rows = len(run.data.train) * len(history)
    return {
        "version": RECORD_VERSION,
        "name": "+".join(name for name, _ in run.reg.leaves()) or "baseline",
        "epochs": {"planned": run.epochs, "done": len(history)},
        "last": asdict(evaluated[-1]) if evaluated else None,
        "best": asdict(best) if (best := best_of(history)) else None,
        "choices": dict(choices),
        "config": dict(config),
        "stack": describe_stack(run.reg),
        "audit": found["findings"],
        "warnings": found["warnings"],
        "data": run.data.note,
        "in_shape": list(run.data.in_shape),
        "num_classes": run.data.num_classes,
        "classes": list(run.data.classes),
        "rows": {"train": len(run.data.train), "select": len(run.data.select), "val": len(run.data.val)},
        "class_rows": {
            name: rows_by_class(split)
            for name, split in (("train", run.data.train), ("select", run.data.select), ("val", run.data.val))
        },
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "flops": {"per_example": found["flops_per_example"], "total": found["flops_per_example"] * rows},
    }
