"""The rule on targets is the task's: what any member leaves of a batch is held to it."""

from __future__ import annotations

import ast
import functools
import inspect
from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.instantiation.locating import locate
from regbench.regularizers.base import Regularizer
from regbench.training.loop import Run, objective
from regbench.types import Batch
from tests.conftest import all_regs, reg_node, tiny
from tests.numbers import numeric

REGS = all_regs()
MODELS = ["mlp", "resnet", "transformer"]
REFUSAL = "needs classes, got numbers to predict"
OF_CLASSES = {"num_classes", "labels", "cross_entropy", "one_hot", "log_softmax", "class_weights"}
MIXING = ["mixup", "manifold_mixup", "cutmix"]  # linear in the targets


def cls_of(name: str) -> type[Regularizer]:
    return locate(reg_node(name)["_target_"], "reg")  # type: ignore[return-value]


def on(name: str) -> dict[str, Any]:
    return {name: reg_node(name, **cls_of(name).visible_at)}


@functools.cache
def built(name: str, classes: bool) -> tuple[Run | None, list[str]]:
    """A run with a member on the first model on which it can act, and why it cannot on those before."""
    reasons = []
    for model in MODELS:
        config = (tiny if classes else numeric)(model, on(name))
        if "norm" in config["model"] and "enabled" in config["reg"][name]:
            config["model"]["norm"] = "none"
        try:
            return build_run(config), reasons
        except ConfigError as error:
            reasons.append(str(error))
    return None, reasons


def held(run: Run) -> Batch:
    """The last of some batches as the member leaves them, each held to the rule of the task."""
    run.model.train()
    run.reg.begin_epoch(0.5)
    shown = run.data.train[:0]
    for step in range(4):
        run.clock.step, run.clock.passes, run.clock.micro = step, -1, 0
        run.reg.begin_step(0.5)
        rows = slice(16 * step, 16 * step + 16)
        shown = run.reg.transform_batch(run.data.train[rows])
        run.data.task.require_targets(shown.targets)
        assert shown.targets.shape[1] == run.data.task.outputs
        run.clock.passes = 0
        terms = objective(run, shown)
        assert all(term.isfinite() for term in terms.values())
        sum(terms.values()).backward()  # type: ignore[union-attr]
    return shown


@pytest.mark.parametrize("name", REGS)
def test_a_member_leaves_distributions_of_classes(name: str) -> None:
    run, reasons = built(name, True)
    if run is None:
        pytest.skip(reasons[-1])  # of text alone
    held(run)


@pytest.mark.parametrize("name", REGS)
def test_a_member_acts_on_numbers_or_says_that_it_needs_classes(name: str) -> None:
    run, reasons = built(name, False)
    expected = [f"reg.{name}: {REFUSAL}"] * len(MODELS)
    if cls_of(name).needs_classes:
        assert (run, reasons) == (None, expected)
        off = build_run(numeric(reg={name: reg_node(name, **cls_of(name).off)}))
        assert held(off).targets.isfinite().all(), "at its off values it refuses nothing"
    elif built(name, True)[0] is None:
        assert run is None
        assert all(reason.startswith(f"reg.{name}: ") for reason in reasons), reasons
    else:
        assert run is not None, reasons
        held(run)


@pytest.mark.parametrize("name", MIXING)
def test_mixing_numbers_keeps_them_between_those_that_were_mixed(name: str) -> None:
    run, _ = built(name, False)
    assert run is not None
    run.clock.step, run.clock.passes, run.clock.micro = 7, -1, 0
    batch = run.data.train[:32]
    mixed = run.reg.transform_batch(batch).targets
    assert not torch.equal(mixed, batch.targets)
    slack = 1e-6
    assert (mixed <= batch.targets.amax(0) + slack).all()
    assert (mixed >= batch.targets.amin(0) - slack).all()


@pytest.mark.parametrize("name", REGS)
def test_a_member_that_reads_classes_says_that_it_needs_them(name: str) -> None:
    tree = ast.parse(inspect.getsource(inspect.getmodule(cls_of(name))))  # type: ignore[arg-type]
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    asks = "task" in read  # who asks what is predicted may know of both
    assert not read & OF_CLASSES or asks or cls_of(name).needs_classes, read & OF_CLASSES
