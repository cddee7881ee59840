"""The audit of a stack on a person's own model, optimizer and rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from regbench.instantiation.boundary import refusing
from regbench.library.front import OwnNoise, Sites, fronted
from regbench.library.optimizer import within_wrappers
from regbench.library.own_run import OwnRun
from regbench.library.preparation import learned_from, require_untouched, run_of
from regbench.library.rows import Rows, row_count, split_of
from regbench.library.stack import Stack
from regbench.optimizers import LR_FACTOR
from regbench.regularizers.base import Stack as Members
from regbench.tasks import Task
from regbench.training import audit as training
from regbench.training.audit import Audit


def audit(
    model: nn.Module,
    stack: Stack,
    optimizer: Any,
    *,
    train: Rows,
    select: Rows | None = None,
    epochs: int = 20,
    batch_size: int = 64,
    schedule: Callable[[float], float] | None = None,
    num_classes: int | None = None,
    task: Task | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    class_weights: Tensor | None = None,
    sites: Sites = "auto",
    own_noise: OwnNoise = "keep",
) -> Audit:
    """Proof that each member acts on this model: a few steps of copies, with the member and without it.

    Model, stack and optimizer are left as they are; call it before `Stack.apply`.

    Args:
        model: as for `Stack.apply`.
        stack: of `regbench.stack`.
        optimizer: over the parameters of the model, at the learning rate that the steps are to have.
        train: the rows to learn from.
        select: what members that judge an epoch are shown; the train rows where there is none.
        epochs: of the run, for what is said of averages and ramps.
        batch_size: rows of a batch.
        schedule: the learning rate's factor as a function of progress (`regbench.schedules`); for warnings.
        num_classes: as for `Stack.apply`.
        task: likewise.
        loss: likewise.
        class_weights: likewise.
        sites: likewise.
        own_noise: likewise.

    Returns:
        Findings for each member and warnings about the whole; printed, a line for each fact.

    Raises:
        ConfigError: a member changes nothing though it should, or refuses the model, the rows or the
            optimizer.
    """
    require_untouched(model)
    rows = learned_from(stack, model, train, num_classes, task)
    judged = None if select is None else split_of(select, "select", rows.task)

    def make(without: str | None) -> OwnRun:
        own, its_optimizer = copy.deepcopy((model, optimizer))
        fresh: Members = copy.deepcopy(stack)
        run = run_of(
            fresh.without(without) if without else fresh,
            fronted(own, rows, sites, own_noise),
            rows,
            row_count(train),
            seed=stack.seed,
            epochs=epochs,
            loss=loss,
            class_weights=class_weights,
            select=judged,
            val=judged,
            batch_size=min(batch_size, len(rows)),
        )
        run.schedule = schedule or run.schedule
        run.optimizer = within_wrappers(run, its_optimizer)
        run.lr = max(group["lr"] for group in its_optimizer.param_groups)
        for group in its_optimizer.param_groups:
            group[LR_FACTOR] = group["lr"] / run.lr if run.lr else 1.0
        return run

    with refusing("audit: the first step is refused: "):
        return training.audit(make)
