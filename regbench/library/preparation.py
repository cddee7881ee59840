"""Before a loop of one's own: rows, model and optimizer into a run that is stepped from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from regbench.assembly.given_runs import give_runs
from regbench.assembly.run import members_prepare
from regbench.errors import ConfigError, brief
from regbench.library.applied import Applied
from regbench.library.front import OwnNoise, Sites, fronted
from regbench.library.outputs import outputs_of
from regbench.library.own_run import OwnRun
from regbench.library.rows import Rows, columns, row_count, split_of, task_of
from regbench.regularizers.base import Stack, hooks
from regbench.streams import Clock
from regbench.tasks import Task
from regbench.types import Dataset, Split

LOOKED_AT = 1024  # rows of a Dataset that members see who only check the data
_APPLIED: WeakSet[nn.Module] = WeakSet()  # models that hold the modules of a stack


def prepare(
    stack: Stack,
    model: nn.Module,
    optimizer: Any,
    *,
    seed: int,
    train: Rows,
    epochs: int,
    steps_per_epoch: int | None,
    num_classes: int | None,
    task: Task | None,
    loss: Callable[[Tensor, Tensor], Tensor] | None,
    class_weights: Tensor | None,
    sites: Sites,
    own_noise: OwnNoise,
) -> Applied:
    """See `Stack.apply`; the stack is taken as it is, and not copied."""
    steps = _steps(train, epochs, steps_per_epoch)
    require_untouched(model)
    split = learned_from(stack, model, train, num_classes, task)
    front = fronted(model, split, sites, own_noise)
    _APPLIED.add(model)  # also where a member refuses, for the ones before it have been put in by then
    count = row_count(train)
    run = run_of(stack, front, split, count, seed=seed, epochs=epochs, loss=loss, class_weights=class_weights)
    applied = Applied(run, steps, count)
    if optimizer is not None:
        applied.prepare_optimizer(optimizer)
    return applied


def require_untouched(model: nn.Module) -> None:
    """Refuse what is no module, or a model that holds the modules of a stack already.

    Raises:
        ConfigError: it is.
    """
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model: must be a torch module, got {brief(type(model).__name__)}")
    if model in _APPLIED:
        raise ConfigError("model: a stack has been applied to it already, in whole or in part; build it anew")


def _steps(train: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if steps_per_epoch is None and isinstance(train, DataLoader):
        steps_per_epoch = len(train)
    if steps_per_epoch is None:
        raise ConfigError("steps_per_epoch: must be given where train is no DataLoader")
    for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name}: must be a whole number of at least 1, got {brief(repr(value))}")
    return steps_per_epoch


def learned_from(
    stack: Stack, model: nn.Module, train: Rows, num_classes: int | None, task: Task | None
) -> Split:
    """The train rows: all of them where a member learns from them, else as many as tell what they are like.

    Raises:
        ConfigError: they cannot be read, or do not fit the model.
    """
    if isinstance(train, Split):
        return train
    if task is None:
        inputs, labels = columns(train, "train", most=LOOKED_AT)
        outputs = num_classes or outputs_of(model, inputs[:2])
        task = task_of(labels, outputs)
    learns = any("prepare_data" in hooks(type(leaf)) and not leaf.is_off for _, leaf in stack.leaves())
    return split_of(train, "train", task, most=None if learns else LOOKED_AT)


def run_of(
    stack: Stack,
    model: nn.Module,
    train: Split,
    train_rows: int,
    *,
    seed: int,
    epochs: int,
    loss: Callable[[Tensor, Tensor], Tensor] | None,
    class_weights: Tensor | None,
    select: Split | None = None,
    val: Split | None = None,
    batch_size: int = 1,
) -> OwnRun:
    """A run with its model prepared, and no optimizer yet.

    Args:
        stack: whose members prepare.
        model: in front of which nothing is to be put any more.
        train: rows that tell what those to learn from are like; all, where a member learns from them.
        train_rows: how many there are in all.
        seed: of the members' draws.
        epochs: of the run.
        loss: a person's own.
        class_weights: (C,) of the cross-entropy.
        select: rows to choose by; the train rows where there are none.
        val: rows to judge by; likewise.
        batch_size: rows of a batch.

    Raises:
        ConfigError: a member refuses the data or the model, or has or computes a loss beside a person's.
    """
    owners = [n for n, leaf in stack.leaves() if "data_loss" in hooks(type(leaf)) and not leaf.is_off]
    if loss is not None and owners:
        raise ConfigError(f"loss: must be left out beside reg.{owners[0]}, which replaces the data loss")
    own = [name for name, leaf in stack.leaves() if leaf.computes_task_loss and not leaf.is_off]
    if loss is not None and own:
        raise ConfigError(
            f"loss: must be left out beside reg.{own[0]}, which computes the loss of the task by itself"
        )
    clock = Clock()
    stack.bind(seed, clock)
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    on_device = train.to(device)
    data = Dataset(
        on_device,
        select or on_device,
        val or on_device,
        None,
        tuple(train.inputs.shape[1:]),
        train.num_classes,
    )
    stack.count(train_rows)
    own_parameters = list(model.parameters())
    with members_prepare():
        stack.check_data(on_device)
        give_runs(stack, data, model, device)
        stack.prepare_data(on_device)
        model = stack.prepare_model(model).to(device)
    return OwnRun(
        model=model.train(),
        reg=stack,
        optimizer=None,
        schedule=lambda progress: 1.0,
        data=data,
        device=device,
        seed=seed,
        epochs=epochs,
        batch_size=batch_size,
        lr=0.0,
        class_weights=class_weights,
        clock=clock,
        own_loss=loss,
        own_parameters=own_parameters,
    )
