"""The shared settings: their types and ranges, where the YAML lies, and what makes two configurations one."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, get_args

from omegaconf import DictConfig, OmegaConf

from regbench.composition.devices import read_devices, require_per_device
from regbench.composition.named_runs import named_runs
from regbench.errors import ConfigError, alike, brief, did_you_mean
from regbench.instantiation.fields import checked, converted, require_number
from regbench.instantiation.signatures import hints_of
from regbench.records.identity import PATHS, is_path, stack_name
from regbench.records.metrics import Asked

NAME = re.compile(r"\w[\w.+-]*")  # of a sweep: one folder, on any system
MOST_THREADS = 1024
MOST_REPLICAS = 256
LARGEST_SINGLE = 3e38  # single precision ends there
RATED = ("optimizer", "model")  # whose lr is train.lr, unless that is set by itself
Checkpoints = Literal["none", "last", "best", "last+best", "all"]
MOST_MEANT = 3  # keys that are named for one that is not known
PARTS = ("train", "dataset", "model", "optimizer", "schedule", "reg")
SINKS = "sinks"  # a part that older configurations lack
# keys of the model's part that are not for its class: they stand there whatever the class is
MODEL_KEYS = ("lr", "tie", "sites", "own_noise", "init", "freeze")


@dataclass
class Settings:
    """What every run is told, beside its parts."""

    seed: int
    device: str
    precision: Literal["fp32", "bf16"]
    threads: int | None
    deterministic: bool
    evaluate: list[Asked]
    evaluate_test: bool
    checkpoints: Checkpoints
    sweep: str | None
    replicas: Any = "auto"  # or off, or a whole number
    devices: Any = None  # or all, cpu, a number, a list of numbers
    per_device: int = 1

    def __post_init__(self) -> None:
        if len(set(self.evaluate)) < len(self.evaluate):
            raise ConfigError(f"evaluate: must name each figure once, got {brief(', '.join(self.evaluate))}")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed: must lie in [0, 2^32 - 1], got {self.seed}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads: must be at least 1, got {self.threads}")
        if self.threads is not None and self.threads > MOST_THREADS:
            raise ConfigError(f"threads: must be at most {MOST_THREADS}, got {self.threads}")
        self.replicas = whole(self.replicas)
        number = type(self.replicas) is int and 1 <= self.replicas <= MOST_REPLICAS
        if not number and self.replicas not in ("auto", "off"):
            raise ConfigError(
                f"replicas: must be auto, off, or a whole number in [1, {MOST_REPLICAS}], "
                f"got {brief(self.replicas)}"
            )
        read_devices(self.devices)
        require_per_device(self.per_device)
        if self.sweep is not None and not NAME.fullmatch(self.sweep):
            raise ConfigError(f"sweep: must be letters, digits, and _ . + - within, got {self.sweep!r}")


SETTINGS = tuple(field.name for field in fields(Settings))
REQUIRED = tuple(field.name for field in fields(Settings) if field.default is MISSING)  # others came later


@dataclass
class TrainSettings:
    """How long, in what batches, how fast."""

    epochs: int
    batch_size: int
    lr: float
    accumulate: int
    evaluate_every: int
    class_weights: list[float] | str | None = None
    monitor: str | None = None
    lr_factors: dict[str, float] | None = None
    layerwise_lr_decay: float = 1.0
    evaluate_rows: int | str | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train: {name} must be at least 1, got {getattr(self, name)}")
        _require_rate(self.lr, "train: lr")
        if isinstance(self.class_weights, str) and self.class_weights != "balanced":
            raise ConfigError(
                "train: class_weights must be balanced, null or a list of one weight for each class, "
                f"got {self.class_weights!r}"
            )
        if self.evaluate_rows not in (None, "auto") and not _is_count(self.evaluate_rows):
            got = brief(self.evaluate_rows)
            raise ConfigError(f"train: evaluate_rows must be auto, null (all) or at least 1, got {got}")
        if not 0 < self.layerwise_lr_decay <= 1:
            raise ConfigError(f"train: layerwise_lr_decay must lie in (0, 1], got {self.layerwise_lr_decay}")
        self.lr_factors = _factors(self.lr_factors)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 1


def meant(unknown: str, keys: Iterable[str]) -> str:
    """'; did you mean ...?' for the full key that a part of it, or something like it, may stand for."""
    close = likely(unknown, list(keys))
    return did_you_mean(close) if len(close) <= MOST_MEANT else ""


def likely(unknown: str, keys: Sequence[str]) -> list[str]:
    """The keys that one which is not there may stand for: with the same end, or else spelled alike."""
    head, _, rest = unknown.replace("/", ".").partition(".")
    name = (rest or head).rpartition(".")[2]
    close = [key for key in keys if f".{key}".endswith(f".{head}.{rest}".rstrip("."))]
    close = close or [key for key in keys if key.rpartition(".")[2] == name]
    close = [key for key in close if key.startswith("train.")] or close
    if close:
        return close
    below = {key.partition(".")[2]: key for key in keys if key.startswith(f"{head}.")}
    if rest and below:
        return [below[word] for word in alike(rest, below)]
    whole = {key: key for key in keys}
    if not rest:
        whole = {key.rpartition(".")[2]: key for key in reversed(keys)} | whole
    return [whole[word] for word in alike(unknown.lower(), whole, 0.6 if rest else 0.75)]


def resolved(cfg: DictConfig, typed_in: str | None = None) -> dict[str, Any]:
    """The configuration as plain values, references replaced by what they refer to.

    Whole numbers are integers where integers are asked for (`train.epochs=2.0` is 2), and paths are absolute.

    Args:
        cfg: composed, without Hydra's own part.
        typed_in: the folder that its relative paths are of; the current one where none is given. Where there
            is nothing of that name, and the current folder has it, it is taken to have moved there.
    """
    return settled(OmegaConf.to_container(cfg, resolve=True), typed_in)  # type: ignore[arg-type]


def settled(config: dict[str, Any], typed_in: str | None = None) -> dict[str, Any]:
    """Plain values as `resolved` gives them: integers and absolute paths where these are due.

    Raises:
        ConfigError: a number is none to compute with.
    """
    for rated in RATED:  # before what refers to them
        _sound(config.get(rated), rated)
    config = _sound(config)
    train = config.get("train")
    _list_globs(config)
    if type(config.get("sweep")) in (int, float):  # a name that looks like a number
        config["sweep"] = str(config["sweep"])
    for part, kind in ((config, Settings), (train if isinstance(train, dict) else {}, TrainSettings)):
        for name in _integers(kind):
            if name in part:
                part[name] = whole(part[name])
    _make_absolute({name: node for name, node in config.items() if isinstance(node, dict)}, typed_in)
    for named in named_runs(config.get("reg"), typed_in):
        named.node[named.field] = _absolute(named.path, typed_in)  # a text, whatever it looked like
    return config


def _list_globs(config: dict[str, Any]) -> None:
    """One glob of `model.freeze` is a list of it, in place: what is one run is written in one way."""
    model = config.get("model")
    if isinstance(model, dict) and isinstance(model.get("freeze"), str):
        model["freeze"] = [model["freeze"]]


@functools.cache
def _integers(kind: type) -> tuple[str, ...]:
    """The fields that take a whole number; asked of each job of a sweep, and found once."""
    return tuple(name for name, hint in hints_of(kind).items() if int in (hint, *get_args(hint)))


def whole(value: Any) -> Any:
    """A float without a fraction as an integer; every other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sound(node: Any, key: str = "") -> Any:
    """A node without negative zeros.

    Raises:
        ConfigError: a number in it is none to compute with.
    """
    if isinstance(node, dict):
        return {name: _sound(value, f"{key}.{name}".lstrip(".")) for name, value in node.items()}
    if isinstance(node, list):
        return [_sound(value, key) for value in node]
    require_number(node, f"{key}:")
    return 0.0 if isinstance(node, float) and node == 0 else node


def _make_absolute(node: Any, typed_in: str | None, key: str = "") -> None:
    """Make the paths in a node absolute, in place; `key` is its own."""
    for name, value in node.items() if isinstance(node, dict) else ():
        inner = f"{key}.{name}".lstrip(".")
        path_due = name == "root" or is_path(str(name), value) or inner in PATHS
        if isinstance(value, dict):
            _make_absolute(value, typed_in, inner)
        elif isinstance(value, str) and value not in ("", "???") and path_due:
            node[name] = _absolute(value, typed_in)


def _absolute(value: str, typed_in: str | None) -> str:
    path = os.path.expanduser(value)
    places = [os.path.abspath(os.path.join(folder, path)) for folder in (typed_in or "", "")]
    return next(filter(os.path.exists, places), places[0])


def read_settings(config: Mapping[str, Any]) -> tuple[Settings, TrainSettings]:
    """The shared settings of a resolved configuration.

    Raises:
        ConfigError: a value has the wrong type or lies out of range.
    """
    hints = hints_of(Settings)
    for name in config:
        if name not in (*SETTINGS, *PARTS, SINKS):
            close = meant(name, _keys(config, name))
            if not close and not str(config["model"].get("_target_", "regbench.")).startswith("regbench."):
                close = f"; add a value of your own model's with +model.{name}=..."
            raise ConfigError(f"{name}: no such key{close}")
    for name in (*REQUIRED, *PARTS):
        if name not in config:
            raise ConfigError(f"{name}: must have a value, got none")
    for name in (*PARTS, *([SINKS] if SINKS in config else [])):
        if not isinstance(config[name], Mapping):
            raise ConfigError(f"{name}: must be a group of settings, got {config[name]!r}")
    groups = (name for name, value in config["train"].items() if isinstance(value, Mapping))
    grouped = next((name for name in groups if name != "lr_factors"), None)
    if grouped is not None and grouped in hints_of(TrainSettings):
        raise ConfigError(f"train: {grouped} must be a value, got a group of settings")
    for part in RATED:
        rate = config[part].get("lr", 0)
        if part == "optimizer" or rate == config["train"].get("lr"):
            _require_rate(rate, f"{part}: lr")
    given = [name for name in SETTINGS if name in config]
    common = {name: converted(config[name], hints[name], f"{name}:") for name in given}
    return Settings(**common), TrainSettings(**checked(TrainSettings, config["train"], "train", {}))


def _factors(asked: Any) -> dict[str, float] | None:
    """Factors of learning rates by glob, as numbers.

    Raises:
        ConfigError: they are no such mapping, or one is not above 0.
    """
    if asked is None:
        return None
    if not isinstance(asked, Mapping):
        raise ConfigError(f"train: lr_factors must be factors by glob, {{head.*: 10}}, got {asked!r}")
    found = {}
    for glob, value in asked.items():
        found[str(glob)] = factor = converted(value, float, f"train: lr_factors of {brief(glob)}")
        if not 0 < factor < LARGEST_SINGLE:
            raise ConfigError(
                f"train: lr_factors must be above 0, got {factor} of {brief(glob)}; model.freeze names "
                "what is not to be trained"
            )
    return found


def _require_rate(value: Any, what: str) -> None:
    """Refuse what is no learning rate."""
    rate = converted(value, float, what)
    if not 0 <= rate < LARGEST_SINGLE:
        raise ConfigError(f"{what} must lie in [0, {LARGEST_SINGLE:g}), got {rate}")


def _keys(node: Mapping[str, Any], without: str, prefix: str = "") -> Iterator[str]:
    """Every key of a configuration but one at its top, by its full name."""
    for name, value in node.items():
        if prefix or name != without:
            yield f"{prefix}{name}"
            yield from _keys(value, without, f"{prefix}{name}.") if isinstance(value, Mapping) else ()


def lr_with_sgd(rate: float, optimizer: Mapping[str, Any]) -> float:
    """A model's own learning rate where SGD trains it: Adam scales its steps itself and keeps its own."""
    return rate if str(optimizer.get("_target_")).endswith(".SGD") else optimizer["lr"]


RESOLVERS: dict[str, Callable[..., Any]] = {  # what each gives depends on its arguments alone
    "lr_with_sgd": lr_with_sgd,
    "stack": stack_name,
    "whole": whole,
    "sweep_or": lambda name, other: name or other,
}
for _name, _resolver in RESOLVERS.items():
    OmegaConf.register_new_resolver(_name, _resolver, replace=True)

Config = Mapping[str, Any]  # resolved: plain values only
