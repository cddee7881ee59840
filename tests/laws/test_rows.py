"""Whatever members make of a batch, it says which row of train each of its rows is, or that it is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer, Stack, hooks
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, Run, batch_order, fit
from regbench.training.probe import Probe
from regbench.training.replicas.proof import unstackable
from regbench.types import Batch, ForwardPass
from tests.conftest import all_regs, reg_node, tiny
from tests.laws.test_contract import cls_of, config_for, home, on
from tests.training.replicas.side_by_side import (
    assert_same,
    configs,
    double_precision,
    trained_alone,
    trained_at_once,
)

SHOWING = [name for name in all_regs() if "transform_batch" in hooks(cls_of(name))]


def made(name: str, **values: Any) -> Run:
    run = build_run(config_for(home(name), {name: on(name) | values}))
    run.reg.begin_epoch(0.5)
    run.reg.begin_step(1.0)
    return run


def shown_by(run: Run, step: int) -> tuple[Batch, Batch]:
    """Some rows of train, and what the members make of them."""
    run.clock.step = step
    rows = torch.randperm(len(run.data.train), generator=torch.Generator().manual_seed(step))[:32]
    given = run.data.train[rows]
    return given, run.reg.transform_batch(given)


@pytest.mark.parametrize("name", SHOWING)
def test_a_row_with_a_number_has_the_target_of_that_row_or_one_made_of_it_alone(name: str) -> None:
    run = made(name)
    for step in range(4):
        given, shown = shown_by(run, step)
        assert given.rows is not None
        assert shown.rows is not None
        assert shown.rows.dtype == torch.int64
        assert shown.rows.shape == (len(shown.targets),) == (len(shown.inputs),)
        assert set(shown.rows.tolist()) <= {-1, *given.rows.tolist()}
        known = shown.rows >= 0
        targets, own = shown.targets[known], run.data.train[shown.rows[known]].targets
        assert torch.equal(targets.argmax(1), own.argmax(1))
        # smoothed alike, or 0: none is another row's
        others = targets[own == 0].view(len(own), own.shape[1] - 1)
        assert torch.equal(others, others[:, :1].expand_as(others))


@pytest.mark.parametrize(
    "name",
    [
        *("augmix", "color_jitter", "cutout", "flip_crop", "grid_mask", "hide_and_seek", "input_noise"),
        *("label_smoothing", "pixmix", "rand_augment", "random_erasing", "rotation", "swap_noise"),
        *("translation", "trivial_augment", "word_dropout"),
    ],
)
def test_a_view_of_a_row_keeps_its_number(name: str) -> None:
    given, shown = shown_by(made(name), 1)
    assert given.rows is not None
    assert shown.rows is not None
    assert torch.equal(shown.rows, given.rows.repeat(len(shown) // len(given)))
    assert not torch.equal(shown[: len(given)].targets, given.targets) or not (
        shown.inputs.shape == given.inputs.shape and torch.equal(shown.inputs, given.inputs)
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("mixup", {}),
        ("manifold_mixup", {}),
        ("cutmix", {"p": 1.0, "alpha": 50.0}),
        ("cutmix", {"p": 1.0, "alpha": 50.0, "per": "batch"}),
        ("fmix", {"p": 1.0, "alpha": 50.0}),
        ("saliency_mix", {"p": 1.0, "alpha": 50.0}),
        ("sample_pairing", {"p": 1.0, "until": 1.0}),
        ("gan_augmentation", {"share": 0.999}),
        ("feature_space", {"share": 0.999}),
    ],
    ids=str,
)
def test_what_is_made_of_several_rows_or_of_none_has_no_number(name: str, values: dict[str, Any]) -> None:
    _, shown = shown_by(made(name, **values), 1)
    assert shown.rows is not None
    assert shown.rows.tolist() == [-1] * len(shown)


@pytest.mark.parametrize(
    ("name", "values"),
    [("gan_augmentation", {"share": 0.3}), ("feature_space", {"share": 0.3}), ("cutmix", {"p": 0.3})],
    ids=str,
)
def test_where_some_are_made_the_others_keep_their_numbers(name: str, values: dict[str, Any]) -> None:
    given, shown = shown_by(made(name, **values), 1)
    assert given.rows is not None
    assert shown.rows is not None
    changed = (given.inputs != shown.inputs).flatten(1).any(1)
    kept = shown.rows >= 0
    assert 0 < changed.sum() < 32
    assert not (kept & changed).any()
    assert torch.equal(shown.rows[kept], given.rows[kept])
    assert kept.sum() >= 15  # with 0.7 * 32 expected


def test_what_is_shown_beside_the_rows_has_no_number() -> None:
    given, shown = shown_by(made("smart_augmentation", p=1.0), 1)
    assert given.rows is not None
    assert shown.rows is not None
    assert shown.rows.tolist() == [*given.rows.tolist(), *[-1] * len(given)]


@pytest.mark.parametrize("name", SHOWING)
def test_a_batch_whose_rows_nobody_knows_stays_one(name: str) -> None:
    run = made(name)
    given = run.data.train[:32]
    shown = run.reg.transform_batch(Batch(given.inputs, given.targets))
    assert shown.rows is None


@dataclass
class Weighing(Regularizer):
    """A penalty by the numbers of rows, which nothing is kept of."""

    off: ClassVar[dict[str, Any]] = {"strength": 0.0}
    needs_rows: ClassVar[bool] = True
    strength: float

    def penalty(self, forward: ForwardPass) -> Tensor:
        assert forward.batch.rows is not None
        weights = (forward.batch.rows % 3).to(forward.logits)
        return self.strength * (weights * forward.logits.square().sum(1)).mean()


@dataclass
class Watching(Weighing):
    """Keeps what it is shown."""

    def __post_init__(self) -> None:
        self.seen: list[Batch] = []

    def transform_batch(self, batch: Batch) -> Batch:
        self.seen.append(batch)
        return batch


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_loop_tells_the_numbers_of_the_rows_that_it_shows(accumulate: int) -> None:
    member = Watching(0.1)
    run = build_run(tiny(epochs=2, accumulate=accumulate), Stack({"watching": member}))
    order = [rows for epoch in range(2) for rows in batch_order(run, epoch)]
    assert sum(isinstance(event, EpochEnd) for event in fit(run)) == 2
    found = torch.cat([batch.rows for batch in member.seen])
    assert torch.equal(found, torch.cat(order))
    assert len(member.seen) == accumulate * len(order)
    for batch in member.seen:
        again = run.data.train[batch.rows]
        assert torch.equal(batch.inputs, again.inputs)
        assert torch.equal(batch.targets, again.targets)
    assert member.train_rows == len(run.data.train) == 97


@pytest.mark.parametrize("accumulate", [1, 3])
def test_runs_that_are_trained_together_tell_them_too(accumulate: int) -> None:
    def runs() -> list[Run]:
        made = configs(lambda _: {}, count=2, accumulate=accumulate)
        return [build_run(config, Stack({"weighing": Weighing(0.1)})) for config in made]

    assert unstackable(runs()) == ""
    with double_precision():
        alone, at_once = trained_alone(runs()), trained_at_once(runs())
    for one, other in zip(at_once, alone, strict=True):
        assert_same(one, other)


# --- members that need them


@dataclass
class Dropping(Regularizer):
    """A member of somebody who has not heard of rows."""

    off: ClassVar[dict[str, Any]] = {"factor": 1.0}
    factor: float

    def transform_batch(self, batch: Batch) -> Batch:
        return Batch(batch.inputs * self.factor, batch.targets)


def test_a_member_that_needs_rows_is_not_shown_a_batch_without() -> None:
    batch = Batch(torch.zeros(2, 1), torch.zeros(2, 2), torch.tensor([0, 1]))
    stack = Stack({"dropping": Dropping(2.0), "watching": Watching(0.1)})
    said = (
        r"^watching must be told which row of train each row of a batch is \(Batch.rows\), and a member that"
    )
    with pytest.raises(ValueError, match=said):
        stack.transform_batch(batch)
    Stack({"dropping": Dropping(2.0), "watching": Watching(0.0)}).transform_batch(batch)  # it is off
    Stack({"watching": Watching(0.1)}).transform_batch(batch)


def audited(reg: dict[str, Any]) -> None:
    config = tiny(reg=reg)

    def make(without: str | None) -> Run:
        stack = build_stack(reg, seed=0)
        return build_run(config, stack.without(without) if without else stack)

    audit(make)


@pytest.mark.parametrize("needing", ["early_learning", "temporal_ensembling"])
@pytest.mark.parametrize("mixing", [reg_node("mixup"), reg_node("fmix", alpha=50.0)], ids=["all", "each"])
def test_the_audit_refuses_a_member_that_needs_rows_where_none_is_left(
    needing: str, mixing: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        audited({"mixing": mixing, needing: reg_node(needing)})
    assert str(caught.value) == (
        f"reg.{needing}: needs rows of train, and the other members show none as it is: all are made of "
        "several, or of none; leave one of them out, or let it make fewer"
    )


@pytest.mark.parametrize("needing", ["early_learning", "temporal_ensembling"])
def test_and_takes_it_where_some_are_left(needing: str) -> None:
    mixing = {"cutmix": reg_node("cutmix", per="batch"), "gan_augmentation": reg_node("gan_augmentation")}
    audited({"cutmix": mixing["cutmix"], needing: reg_node(needing)})
    audited({needing: reg_node(needing), "augmix": reg_node("augmix")})


def test_the_probe_can_show_rows_a_second_time_to_a_member_that_acts_on_those_it_has_seen() -> None:
    member = Watching(0.1)
    Probe(build_run(tiny(), Stack({"watching": member})), twice=True).steps(4)
    first, again, second, last = (batch.rows.tolist() for batch in member.seen)
    assert first == again != second == last
