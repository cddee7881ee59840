"""A configuration in, a run out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from regbench.assembly import class_weights
from regbench.assembly.data import load_data, rows_by_class
from regbench.assembly.device import find_device
from regbench.assembly.few_rows import few_rows
from regbench.assembly.given_runs import give_runs
from regbench.assembly.memory_layout import lay_by_pixels, lies_by_pixels
from regbench.assembly.model import build_model
from regbench.assembly.optimization import build_optimizer, build_schedule
from regbench.assembly.other_splits import other_splits
from regbench.assembly.parameter_groups import grouped
from regbench.assembly.sinks import check_sinks
from regbench.assembly.stack import build_stack
from regbench.composition.kinds import look_at
from regbench.composition.named_runs import named_runs
from regbench.composition.settings import Config, Settings, TrainSettings, read_settings
from regbench.errors import ConfigError, brief, nearest
from regbench.images.checks import require_pixels
from regbench.instantiation.boundary import refusing, shown
from regbench.records.metrics import NEEDS_CLASSES, NEEDS_IMAGES, Terms, on_select
from regbench.regularizers.base import MemberError, Stack, hooks
from regbench.streams import Clock
from regbench.tasks import require_classes
from regbench.training.loop import Run
from regbench.types import Dataset


def build_run(config: Config, stack: Stack | None = None, learn: bool = True, initial: bool = True) -> Run:
    """Everything that a run needs, on its device.

    Args:
        config: a resolved configuration.
        stack: use this one instead of the configuration's.
        learn: let the members learn from the train split (`prepare_data`), which may take long.
        initial: read weights to start from, the model's and its members'; False where a checkpoint's are to
            come.

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
        model = build_model(config["model"], data, settings.seed, config["dataset"], initial).to(device)
    data = data.to(device)
    stack.count(len(data.train))
    with members_prepare():
        stack.check_data(data.train)
        known = {named.full_key for named in named_runs(config["reg"])}
        left_out = give_runs(stack, data, model, device, initial, known)
        if learn:
            stack.prepare_data(data.train)
        model = stack.prepare_model(model).to(device)
    if lies_by_pixels(device, settings.precision == "bf16", data):
        lay_by_pixels(model)
    groups = grouped(model, train)
    optimizer = build_optimizer(config["optimizer"], model, train.lr, groups.params)
    with members_prepare():
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
        warnings=[*warnings, *other_splits(config)],
        note="\n".join(filter(None, [groups.note, *left_out])),
        monitor=_monitor(train, data),
        few=few_rows(train.evaluate_rows, data),
        clock=clock,
    )


@contextmanager
def members_prepare() -> Iterator[None]:
    """Tell what a member refuses in one sentence that begins with its key.

    Raises:
        ConfigError: one refuses.
    """
    try:
        with refusing("reg: ", MemberError):
            yield
    except MemberError as error:
        raise ConfigError(f"reg.{error.name}: {shown(str(error))}") from error


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
    with refusing("train: class_weights "):
        require_classes(data.task)
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


def _monitor(train: TrainSettings, data: Dataset) -> str:
    """The metric of select that picks the best epoch, as records name it.

    Raises:
        ConfigError: it is none that is measured there.
    """
    task = data.task.name
    if train.monitor is None:
        return Terms(task).choosing
    known = [name.removeprefix("select/") for name in on_select(task)]
    asked = train.monitor.removeprefix("select/")
    if asked not in known:
        raise ConfigError(
            f"train: monitor must be a metric of select, one of {', '.join(known)}, got "
            f"{brief(train.monitor) or 'nothing'}{nearest(asked, known)}"
        )
    return f"select/{asked}"


def _check_evaluate(settings: Settings, data: Dataset) -> None:
    if settings.evaluate_test and data.read_test is None:
        raise ConfigError("evaluate_test: must be false for a dataset that has no test split, got true")
    for word in [one for one in settings.evaluate if one in NEEDS_CLASSES]:
        with refusing(f"evaluate: {word} "):
            require_classes(data.task)
    for word in [one for one in settings.evaluate if one in NEEDS_IMAGES]:
        if data.vocabulary is not None:
            raise ConfigError(f"evaluate: {word} needs images, got a text dataset")
        try:
            require_pixels(data.val)
        except ValueError as error:
            raise ConfigError(f"evaluate: {word} needs images, and {error}") from error


def check(config: Config) -> None:
    """Build all that can be built without long work, and forget it.

    Raises:
        ConfigError: the configuration cannot be run.
    """
    check_sinks(config)
    build_run(config, learn=False)
