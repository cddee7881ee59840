"""A configuration in, a run out."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from regbench import class_weights
from regbench.config import Settings, TrainSettings, read_settings
from regbench.data.checksums import digest_of
from regbench.data.source import Source
from regbench.data.splits import SplitOptions, carve
from regbench.errors import ConfigError
from regbench.fields import checked, make
from regbench.foreign import refusing, shown
from regbench.image_ops import require_images
from regbench.kinds import REGULARIZER, look_at
from regbench.network import build_model
from regbench.optimization import build_optimizer, build_schedule
from regbench.own_data import make_source
from regbench.regularizers.base import MemberError, Regularizer, Stack, hooks
from regbench.streams import Clock, keyed_draws
from regbench.training import Run
from regbench.types import Dataset, Split

Config = Mapping[str, Any]  # resolved: plain values only

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what repeatable sums on CUDA ask for


def build_run(config: Config, stack: Stack | None = None, learn: bool = True) -> Run:
    """Everything that a run needs, on its device.

    Args:
        config: a resolved configuration.
        stack: use this one instead of the configuration's.
        learn: let the members learn from the train split (`prepare_data`), which may take long.

    Raises:
        ConfigError: anything in the configuration that cannot be.
    """
    settings, train = read_settings(config)
    look_at(config)
    stack = build_stack(config["reg"], seed=settings.seed) if stack is None else stack
    device = find_device(settings.device)
    data = load_data(config["dataset"])
    batch_size, warnings = _sizes(train, data)
    _check_evaluate(settings, data)
    weights = _class_weights(train, data, stack)
    clock = Clock()
    stack.bind(settings.seed, clock)
    with refusing("model: "):
        model = build_model(config["model"], data, settings.seed, config["dataset"]).to(device)
    data = data.to(device)
    with _members_prepare():
        stack.check_data(data.train)
        if learn:
            stack.prepare_data(data.train)
        model = stack.prepare_model(model).to(device)
    optimizer = build_optimizer(config["optimizer"], model, train.lr)
    with _members_prepare():
        optimizer = stack.prepare_optimizer(optimizer)
    return Run(
        model=model,
        reg=stack,
        optimizer=optimizer,
        schedule=build_schedule(config["schedule"]),
        data=data,
        device=device,
        seed=settings.seed,
        epochs=train.epochs,
        batch_size=batch_size,
        lr=train.lr,
        accumulate=train.accumulate,
        evaluate_every=train.evaluate_every,
        bf16=settings.precision == "bf16",
        evaluate=settings.evaluate,
        class_weights=None if weights is None else weights.to(device),
        warnings=warnings,
        clock=clock,
    )


@contextmanager
def _members_prepare() -> Iterator[None]:
    try:
        with refusing("reg: ", MemberError):
            yield
    except MemberError as error:
        raise ConfigError(f"reg.{error.name}: {shown(str(error))}") from error


def build_stack(members: Config | None, key: str = "reg", seed: int = 0) -> Stack:
    """The stack that a configuration lists; a node without `_target_` is a stack within it.

    Args:
        members: the nodes by name.
        key: the stack's own, for what is said of a wrong one.
        seed: of the run, for members that draw while they are made.

    Raises:
        ConfigError: a member cannot be made, or two of them exclude each other.
    """
    made: dict[str, Regularizer] = {}
    for name, node in (members or {}).items():
        inner = f"{key}.{name}"
        if not isinstance(node, Mapping):
            absent = inner if key == "reg" else key
            raise ConfigError(
                f"{inner}: set, but {absent} was never added; add it with +{absent.replace('.', '=', 1)}"
            )
        if "_target_" in node:
            with keyed_draws(seed, inner, "made"):
                made[name] = make(node, inner, REGULARIZER)
        else:
            made[name] = build_stack(node, inner, seed)
    try:
        return Stack(made)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from error


def find_device(name: str) -> torch.device:
    """The device that `device=` means here.

    Raises:
        ConfigError: there is no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    kind, colon, index = name.partition(":")
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    if kind not in ("cpu", "cuda") or (colon and not re.fullmatch(r"[0-9]{1,3}", index)):
        raise ConfigError(f"device: must be auto, cpu, cuda or cuda:N, got {name!r}")
    if kind == "cuda" and int(index or 0) >= count:
        raise ConfigError(f"device: {name} is not there; this machine has {count} CUDA devices")
    return torch.device(name)


def load_data(node: Config) -> Dataset:
    """The dataset of a configuration, carved into its splits; the last one is kept for the next run.

    Raises:
        ConfigError: it is missing, corrupt, or too small for its splits.
    """
    return _load_data(json.dumps(node))


def content_of(config: Config) -> str:
    """A digest of the person's own data, for a configuration's identity; empty where checksums pin the data.

    Raises:
        ConfigError: the dataset cannot be read.
    """
    node = config["dataset"]
    return _content(json.dumps({n: v for n, v in node.items() if n not in SplitOptions.__dataclass_fields__}))


@functools.lru_cache(maxsize=8)
def _content(node: str) -> str:
    with _reading_source():
        source = _fetched(node)
        return source.content() if hasattr(source, "content") else digest_of(*source.train())


@contextmanager
def _reading_source() -> Iterator[None]:
    """A source that draws at random gives the same rows whenever it is read, whatever the run's seed."""
    with keyed_draws("dataset"), refusing("dataset: "):
        yield


@functools.lru_cache(maxsize=1)
def _fetched(node: str) -> Source:
    """The source of a node, its files there; kept, for reading a person's own rows may take long."""
    source = make_source(json.loads(node))
    source.fetch()
    return source


@functools.lru_cache(maxsize=1)
def _load_data(node: str) -> Dataset:
    values = json.loads(node)
    shared = {name: values.pop(name) for name in SplitOptions.__dataclass_fields__ if name in values}
    with _reading_source():
        options = SplitOptions(**checked(SplitOptions, shared, "dataset", {}))
        data = carve(_fetched(json.dumps(values)), options)
    read = data.read_test
    return data if read is None else replace(data, read_test=lambda: _read(read))


def _read(split: Callable[[], Split]) -> Split:
    with keyed_draws("dataset", "test"), refusing("dataset: "):
        return split()


def _sizes(train: TrainSettings, data: Dataset) -> tuple[int, list[str]]:
    """The rows of a batch, and what is to be said of the sizes of batch and classes.

    Raises:
        ConfigError: there is only one train row.
    """
    rows = len(data.train)
    if rows < 2:
        raise ConfigError(
            f"dataset: must leave at least 2 train rows, got {rows}; set dataset.num_train=2 or more, or a "
            "larger dataset.train_fraction"
        )
    said = []
    if train.batch_size > rows:
        said.append(
            f"train.batch_size {train.batch_size} is more than the {rows} rows of train; "
            f"a batch is all {rows}"
        )
    if train.class_weights is None:
        names = data.classes or tuple(map(str, range(data.num_classes)))
        said.append(class_weights.warning(rows_by_class(data.train), names))
    return min(train.batch_size, rows), list(filter(None, said))


def _class_weights(train: TrainSettings, data: Dataset, stack: Stack) -> torch.Tensor | None:
    """The weight of each class in the data loss.

    Raises:
        ConfigError: the list is none for these classes, or a member's data loss would pass it over.
    """
    asked = train.class_weights
    if asked is None:
        return None
    for name, leaf in stack.leaves():
        if "data_loss" in hooks(type(leaf)) and not (leaf.weighs_classes or leaf.is_off):
            raise ConfigError(
                f"train: class_weights must be null beside reg.{name}, whose data loss weighs no classes, "
                f"got {asked}"
            )
    try:
        return class_weights.weights_of(asked, data.train.labels, data.num_classes)
    except ValueError as error:
        raise ConfigError(f"train: {error}") from error


def rows_by_class(split: Split) -> list[int]:
    """How many rows of each class a split holds, as training is told them."""
    return torch.bincount(split.labels, minlength=split.num_classes).tolist()


def _check_evaluate(settings: Settings, data: Dataset) -> None:
    if settings.evaluate_test and data.read_test is None:
        raise ConfigError("evaluate_test: must be false for a dataset that has no test split, got true")
    if "corruption" not in settings.evaluate:
        return
    if data.vocabulary is not None:
        raise ConfigError("evaluate: corruption needs images, got a text dataset")
    try:
        require_images(data.val)
    except ValueError as error:
        raise ConfigError(f"evaluate: corruption needs images, and {error}") from error


def check(config: Config) -> None:
    """Build all that can be built without long work, and forget it.

    Raises:
        ConfigError: the configuration cannot be run.
    """
    build_run(config, learn=False)


def use_settings(settings: Settings) -> int:
    """Set the process's threads and determinism; return the number of threads."""
    torch.set_num_threads(settings.threads or cores())
    torch.use_deterministic_algorithms(settings.deterministic, warn_only=True)
    # filling fresh memory with NaN would only cost time: nothing reads it before it is written
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not settings.deterministic
    return torch.get_num_threads()


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
