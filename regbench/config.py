"""The shared settings: their types and ranges, where the YAML lies, and what makes two configurations one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from regbench.errors import ConfigError
from regbench.fields import checked, converted, hints_of, nearest
from regbench.records import RECORD_VERSION, canonical, without_later

NAME = re.compile(r"\w[\w.+-]*")  # of a sweep: one folder, on any system
LARGEST = 3e38  # single precision ends there
NOT_IDENTITY = ("device", "evaluate_test", "checkpoints", "sweep")  # where it runs, and what it leaves behind
Checkpoints = Literal["none", "last", "best", "last+best", "all"]
Figures = Literal["calibration", "corruption", "per_class"]  # what can be measured beside loss and accuracy
PARTS = ("train", "dataset", "model", "optimizer", "schedule", "reg")


@dataclass
class Settings:
    """What every run is told, beside its parts."""

    seed: int
    device: str
    precision: Literal["fp32", "bf16"]
    threads: int | None
    deterministic: bool
    evaluate: list[Figures]
    evaluate_test: bool
    checkpoints: Checkpoints
    sweep: str | None

    def __post_init__(self) -> None:
        if len(set(self.evaluate)) < len(self.evaluate):
            raise ConfigError(f"evaluate: must name each figure once, got {', '.join(self.evaluate)}")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed: must lie in [0, 2^32 - 1], got {self.seed}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads: must be at least 1, got {self.threads}")
        if self.sweep is not None and not NAME.fullmatch(self.sweep):
            raise ConfigError(f"sweep: must be letters, digits, and _ . + - within, got {self.sweep!r}")


@dataclass
class TrainSettings:
    """How long, in what batches, how fast."""

    epochs: int
    batch_size: int
    lr: float
    accumulate: int
    evaluate_every: int
    class_weights: list[float] | str | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train: {name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.lr < LARGEST:
            raise ConfigError(f"train: lr must lie in [0, {LARGEST:g}), got {self.lr}")
        if isinstance(self.class_weights, str) and self.class_weights != "balanced":
            raise ConfigError(
                "train: class_weights must be balanced, null or a list of one weight for each class, "
                f"got {self.class_weights!r}"
            )


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """The configuration as plain values, references replaced by what they refer to."""
    return OmegaConf.to_container(cfg, resolve=True)  # type: ignore[return-value]


def read_settings(config: Mapping[str, Any]) -> tuple[Settings, TrainSettings]:
    """The shared settings of a resolved configuration.

    Raises:
        ConfigError: a value has the wrong type or lies out of range.
    """
    hints = hints_of(Settings)
    for name in config:
        if name not in hints and name not in PARTS:
            raise ConfigError(f"{name}: no such key{nearest(name, [*hints, *PARTS])}")
    for name in (*hints, *PARTS):
        if name not in config and name != "return":
            raise ConfigError(f"{name}: must have a value, got none")
    for name in PARTS:
        if not isinstance(config[name], Mapping):
            raise ConfigError(f"{name}: must be a group of settings, got {config[name]!r}")
    common = {
        name: converted(config[name], hint, f"{name}:") for name, hint in hints.items() if name != "return"
    }
    return Settings(**common), TrainSettings(**checked(TrainSettings, config["train"], "train", {}))


def identity(config: Mapping[str, Any], content: str = "") -> str:
    """A hash of all that decides a run's results, the order of the stack's members included.

    Left out: the device, paths, what is left on the disk, whether the test split is read; keys that came
    later than the records, at the value that changes nothing. `1` is `1.0`.

    Args:
        config: resolved.
        content: a digest of the person's own data; empty where checksums pin it.
    """
    kept = {name: value for name, value in without_later(config).items() if name not in NOT_IDENTITY}
    kept["dataset"] = {
        n: v for n, v in config["dataset"].items() if not (n == "root" or (content and _is_path(n)))
    }
    if isinstance(kept.get("evaluate"), list):  # in which order they are asked for decides nothing
        kept["evaluate"] = sorted(kept["evaluate"], key=str)
    order = list(_order(config["reg"]))
    text = json.dumps([RECORD_VERSION, content, canonical(kept), order], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_path(field: str) -> bool:
    return field == "path" or field.endswith("_path")


def _order(stack: Mapping[str, Any]) -> Iterator[Any]:
    for name, node in stack.items():
        yield [name, [] if "_target_" in node else list(_order(node))]


def stack_name(members: Mapping[str, Any] | None) -> str:
    """How a stack is called in the names of folders: its members in order, or `baseline`."""
    return "+".join(members) if members else "baseline"


def lr_with_sgd(rate: float, optimizer: Mapping[str, Any]) -> float:
    """A model's own learning rate where SGD trains it: Adam scales its steps itself and keeps its own."""
    return rate if str(optimizer.get("_target_")).endswith(".SGD") else optimizer["lr"]


OmegaConf.register_new_resolver("lr_with_sgd", lr_with_sgd, replace=True)
OmegaConf.register_new_resolver("stack", stack_name, replace=True)
OmegaConf.register_new_resolver("sweep_or", lambda name, other: name or other, replace=True)
