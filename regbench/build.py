"""A configuration in, a run out."""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import nn

from regbench import class_weights
from regbench.config import Settings, TrainSettings, read_settings
from regbench.data.checksums import digest_of
from regbench.data.splits import SplitOptions, carve
from regbench.errors import ConfigError
from regbench.fields import checked, converted, locate, make
from regbench.image_ops import require_images
from regbench.models.normalization import Normalization, Normalized
from regbench.models.tying import tie
from regbench.optimizers import innermost
from regbench.regularizers.base import MemberError, Regularizer, Stack, hooks
from regbench.streams import Clock
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
    stack = build_stack(config["reg"]) if stack is None else stack
    device = find_device(settings.device)
    data = load_data(config["dataset"])
    batch_size, warnings = _sizes(train, data)
    _check_evaluate(settings, data)
    weights = _class_weights(train, data, stack)
    clock = Clock()
    stack.bind(settings.seed, clock)
    model = build_model(config["model"], data, settings.seed)
    data = data.to(device)
    try:
        stack.check_data(data.train)
        if learn:
            stack.prepare_data(data.train)
        model = stack.prepare_model(model.to(device)).to(device)
        optimizer = build_optimizer(config["optimizer"], model, train.lr)
        optimizer = stack.prepare_optimizer(optimizer)
    except MemberError as error:
        raise ConfigError(f"reg.{error.name}: {error}") from error
    return Run(
        model=model,
        reg=stack,
        optimizer=optimizer,
        schedule=make(config["schedule"], "schedule"),
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


def build_stack(members: Config | None, key: str = "reg") -> Stack:
    """The stack that a configuration lists; a node without `_target_` is a stack within it.

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
        made[name] = make(node, inner) if "_target_" in node else build_stack(node, inner)
        if not isinstance(made[name], Regularizer):
            raise ConfigError(f"{inner}._target_: must name a Regularizer, got {node['_target_']}")
        if not isinstance(made[name], Stack) and not is_dataclass(made[name]):
            raise ConfigError(f"{inner}._target_: must be a dataclass, and {node['_target_']} is none")
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
    if kind not in ("cpu", "cuda") or (colon and not index.isdigit()):
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
    source = _source(json.loads(node))
    try:
        source.fetch()
        return source.content() if hasattr(source, "content") else digest_of(*source.train())
    except (ValueError, OSError) as error:
        raise ConfigError(f"dataset: {error}") from error


def _source(values: dict[str, Any]) -> Any:
    root = converted(values.pop("root", None), str, "dataset: root")
    return make(values, "dataset", root=root)


@functools.lru_cache(maxsize=1)
def _load_data(node: str) -> Dataset:
    values = json.loads(node)
    shared = {name: values.pop(name) for name in SplitOptions.__dataclass_fields__ if name in values}
    try:
        options = SplitOptions(**checked(SplitOptions, shared, "dataset", {}))
        source = _source(values)
        source.fetch()
        return carve(source, options)
    except ConfigError:
        raise
    except (ValueError, OSError) as error:
        raise ConfigError(f"dataset: {error}") from error


def build_model(node: Config, data: Dataset, seed: int) -> nn.Module:
    """The plain model with its normalization in front, its initial weights fixed by the seed.

    Raises:
        ConfigError: it cannot be made, or does not return logits (B, C).
    """
    _require_tokens_taken(node, data)
    torch.manual_seed(seed)
    net = build_net(node, data.in_shape, data.num_classes, data.vocabulary)
    normalization = Normalization.of(data.train) if data.vocabulary is None else nn.Identity()
    model = Normalized(normalization, net)
    _check_logits(model, data)
    return model


def build_net(node: Config, in_shape: Sequence[int], num_classes: int, vocabulary: int | None) -> nn.Module:
    """The plain model of a configuration, weights tied as it says.

    Raises:
        ConfigError: it cannot be made, is no module, or a tie is wrong.
    """
    values = {name: value for name, value in node.items() if name not in ("lr", "tie")}
    given = {"in_shape": tuple(in_shape), "num_classes": num_classes, "vocabulary": vocabulary}
    net = make(values, "model", **given)
    if not isinstance(net, nn.Module):
        raise ConfigError(f"model._target_: must name a torch module, got {node['_target_']}")
    _tie_weights(net, node)
    return net


def _require_tokens_taken(node: Config, data: Dataset) -> None:
    """Refuse a model that would take token ids for pixels: one that does not ask how many there are."""
    if data.vocabulary is None or "_target_" not in node:
        return
    parameters = inspect.signature(locate(node["_target_"], "model")).parameters
    if "vocabulary" not in parameters and all(p.kind is not p.VAR_KEYWORD for p in parameters.values()):
        name = str(node["_target_"]).rpartition(".")[2]
        raise ConfigError(
            f"model: {name} takes no token ids, got a text dataset; models for text are rnn, transformer"
        )


def _tie_weights(net: nn.Module, node: Config) -> None:
    """Tie what the model's node lists under `tie`, in place.

    Raises:
        ConfigError: the list or one of its paths is wrong.
    """
    pairs = converted(node.get("tie", []), list[list[str] | str], "model: tie")
    try:
        tie(net, pairs)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def _check_logits(model: nn.Module, data: Dataset) -> None:
    inputs = data.train[:2].inputs
    model.eval()
    try:
        with torch.no_grad():
            logits = model(inputs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"model: must take inputs of shape {tuple(inputs.shape)}, and says: {reason}"
        ) from error
    model.train()
    want = (2, data.num_classes)
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != want:
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ConfigError(f"model: must return logits of shape (B, {want[1]}), got {got} for two rows")


def build_optimizer(node: Config, model: nn.Module, lr: float) -> torch.optim.Optimizer:
    """The optimizer over all of the model's parameters.

    Raises:
        ConfigError: a setting is wrong, or it decays weights by itself.
    """
    values = {**node, "lr": lr}
    if values.get("weight_decay"):
        raise ConfigError(
            f"optimizer: weight_decay must be 0, got {values['weight_decay']}; weights are decayed by +reg=l2"
        )
    optimizer = make(values, "optimizer", params=list(model.parameters()))
    if any(group.get("weight_decay") for group in innermost(optimizer).param_groups):
        raise ConfigError("optimizer: decays weights by its own default; set +optimizer.weight_decay=0")
    return optimizer


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
