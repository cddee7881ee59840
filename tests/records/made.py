"""Runs that were never trained: figures as a test wants them, files as a run leaves them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regbench.records.course import Course, Epoch, line
from regbench.records.environment import Environment
from regbench.records.files import ENVIRONMENT as ENVIRONMENT_FILE
from regbench.records.files import METRICS, RECORD_VERSION, change_summary, write_summary
from regbench.records.identity import flattened
from regbench.records.reader import COMPARED, Result, result_of
from regbench.records.status import Status
from regbench.records.summary import Epochs, Flops, Member, PerSplit, Snapshot, Summary, of
from regbench.records.typed import plain
from regbench.storage.files import write_json

CONFIG: dict[str, Any] = {
    "seed": 0,
    "device": "auto",
    "precision": "fp32",
    "threads": 1,
    "deterministic": True,
    "evaluate": ["calibration"],
    "evaluate_test": False,
    "checkpoints": "last+best",
    "sweep": None,
    "train": {"epochs": 3, "batch_size": 128, "lr": 0.1, "accumulate": 1, "evaluate_every": 1},
    "dataset": {"_target_": "regbench.data.digits.Digits", "root": "somewhere", "split_seed": 0,
                "train_fraction": 1.0, "num_train": None, "label_noise": 0.0},
    "model": {"_target_": "regbench.models.mlp.MLP", "width": 512, "depth": 2, "norm": "none", "tie": []},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9, "nesterov": True},
    "schedule": {"_target_": "regbench.schedules.Cosine", "warmup": 0.05},
    "reg": {},
}  # fmt: skip
ENVIRONMENT = Environment(
    regbench="0.1", python="3.11.2", packages={"torch": "2.14"}, git=None, platform="Linux",
    device="cpu", device_name="x86_64", threads=1, replicas=1, ranks=1, command=["regbench", "train"],
)  # fmt: skip
OFF = {
    "dropout": {"p": 0.0},
    "mixup": {"alpha": 0.0},
    "label_smoothing": {"epsilon": 0.0},
    "l2": {"strength": 0.0},
}
VALUES = {
    "dropout": {"p": 0.5},
    "mixup": {"alpha": 0.2},
    "label_smoothing": {"epsilon": 0.1},
    "l2": {"strength": 5e-4},
}


def figures(val: float, train: float = 1.0, select: float | None = None) -> dict[str, float]:
    """The metrics of one evaluated epoch, made from accuracies in [0, 1]; a loss is 1 - accuracy."""
    measured = {"train": train, "select": val if select is None else select, "val": val}
    made = {f"{split}/accuracy": value for split, value in measured.items()}
    made |= {f"{split}/loss": 1 - value for split, value in measured.items()}
    made |= {"gap/accuracy": train - val, "gap/loss": train - val, "val/ece": 0.1, "val/brier": 2 * (1 - val)}
    return made


def member(name: str, **values: Any) -> tuple[str, dict[str, Any]]:
    """A member of a stack by its name, its values those of `VALUES` unless given."""
    return name, {"_target_": f"regbench.regularizers.{name}.Member", **VALUES.get(name, {}), **values}


def record(
    stack: Sequence[str | tuple[str, dict[str, Any]]] = (),
    seed: int = 0,
    epochs: Sequence[Mapping[str, float]] = (),
    status: str = "finished",
    config: Mapping[str, Mapping[str, Any]] | None = None,
) -> Summary:
    """What a run has to say.

    Args:
        stack: members by name, or as `member` makes them.
        seed: of the run.
        epochs: metrics of each epoch, `figures`; the best is the one of highest select accuracy.
        status: how it ended.
        config: keys to change in the configuration, by group: {"model": {"width": 8}, "": {"threads": 2}}.
    """
    members = [member(one) if isinstance(one, str) else one for one in stack]
    made = copy.deepcopy(CONFIG) | {"seed": seed, "reg": dict(members)}
    for group, values in (config or {}).items():
        (made[group] if group else made).update(values)
    numbered = [Snapshot(number, dict(metrics)) for number, metrics in enumerate(epochs, 1)]
    return Summary(
        version=RECORD_VERSION,
        name="+".join(name for name, _ in members) or "baseline",
        status=Status(status),
        content="",
        ended=f"2026-11-23T00:00:{seed % 60:02}.000000+00:00",
        epochs=Epochs(planned=made["train"]["epochs"], done=len(numbered)),
        last=numbered[-1] if numbered else None,
        best=max(numbered, key=lambda one: one.metrics["select/accuracy"]) if numbered else None,
        choices={"model": "mlp", "dataset": "digits", "optimizer": "sgd", "schedule": "cosine"},
        config=made,
        stack=[
            Member(
                name=name,
                target=node["_target_"],
                values={k: v for k, v in node.items() if k != "_target_"},
                off=OFF.get(name, {}),
                hooks=["transform_batch"],
            )
            for name, node in members
        ],
        in_shape=[1, 8, 8],
        num_classes=10,
        rows=PerSplit(train=1199, select=299, val=299),
        parameters=301066,
        flops=Flops(per_example=1.8e6, total=1.8e6 * 1199 * len(numbered)),
        seconds=2.0,
        peak_memory_mb={"resident": 800.0},
    )


def summary(
    stack: Sequence[str | tuple[str, dict[str, Any]]] = (),
    seed: int = 0,
    epochs: Sequence[Mapping[str, float]] = (),
    status: str = "finished",
    config: Mapping[str, Mapping[str, Any]] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The object of `summary.json` (`record`), with other values at some keys, which may be anything."""
    odd = {} if status in list(Status) else {"status": status}
    said = "finished" if odd else status
    whole: dict[str, Any] = copy.deepcopy(plain(record(stack, seed, epochs, said, config)))
    return whole | odd | changes


def course(epochs: Sequence[Mapping[str, float]]) -> list[Epoch]:
    """The lines of `metrics.jsonl`."""
    return [
        Epoch(number, {**metrics, "time/examples_per_s": 1e5, "time/epoch_s": 0.1})
        for number, metrics in enumerate(epochs, 1)
    ]


def result(
    stack: Sequence[str | tuple[str, dict[str, Any]]] = (),
    seed: int = 0,
    epochs: Sequence[Mapping[str, float]] = (),
    **changes: Any,
) -> Result:
    """A result without a folder; see `summary`."""
    made = of(summary(stack, seed, epochs, **changes))
    kept, environment = Course.of(course(epochs), COMPARED), dict(flattened(plain(ENVIRONMENT)))
    return result_of(f"{made.name}_seed{seed}", made, kept, environment)


def write_run(
    folder: Path,
    stack: Sequence[str | tuple[str, dict[str, Any]]] = (),
    seed: int = 0,
    epochs: Sequence[Mapping[str, float]] = (),
    status: str = "finished",
    config: Mapping[str, Mapping[str, Any]] | None = None,
    environment: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """A run folder with these figures, as a run writes it (`record`).

    Args:
        folder: made where it is not there.
        stack, seed, epochs, status, config: as in `record`.
        environment: keys to change in environment.json.
        changes: other values at some keys of summary.json, which may be anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_summary(folder, record(stack, seed, epochs, status, config))
    if changes:
        change_summary(folder, **changes)
    (folder / METRICS).write_text("".join(line(one.epoch, one.metrics) for one in course(epochs)))
    write_json(folder / ENVIRONMENT_FILE, plain(ENVIRONMENT) | dict(environment or {}))
    (folder / ".hydra").mkdir(exist_ok=True)
    return folder
