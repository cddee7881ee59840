"""The loop, on linear models of a few rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.optimizers import Wrapper
from regbench.regularizers.base import HOOKS, Regularizer, Stack
from regbench.sites import Site
from regbench.training.loop import Diverged, EpochEnd, Run, StepEnd, batch_order, fit, train_epoch, train_step
from regbench.types import Batch, Dataset, ForwardPass, Record, Split
from tests.conftest import tiny
from tests.reads import Reads


class Quiet(Regularizer):
    """Overrides nothing; what the tests' members are made from."""

    off: ClassVar[dict[str, Any]] = {"never": None}
    never = True


class Spy(Quiet):
    """Overrides every hook, does nothing, and notes who was called for what."""

    def __init__(self, name: str, log: list[tuple[str, str]]) -> None:
        def noting(hook: str) -> Any:
            default = getattr(Regularizer, hook)

            def call(*given: Any) -> Any:
                log.append((hook, name))
                return default(self, *given)

            return call

        for hook in HOOKS:
            setattr(self, hook, noting(hook))


class SumOfWeights(Quiet):
    """A penalty whose gradient is 1 for every weight, and an edit that adds 100 to every gradient."""

    def penalty(self, forward: ForwardPass) -> Tensor:
        return forward.model.weight.sum()

    def edit_gradients(self, model: nn.Module) -> None:
        model.weight.grad += 100


class Grab(Wrapper):
    """Keeps the gradients that the closure leaves."""

    def __init__(self, inner: Any, *probes: bool) -> None:
        super().__init__(inner)
        self.probes, self.found, self.values = probes, [], []

    def step(self, closure: Any = None) -> Tensor:
        for probe in self.probes:
            self.values.append((closure(probe=True) if probe else closure()).item())
            self.found.append([p.grad.clone() for g in self.param_groups for p in g["params"]])
        return torch.zeros(())


def rows(count: int) -> Split:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (count,), generator=generator)
    return Split(torch.randn(count, 4, generator=generator), labels, 3)


def made(num_train: int = 12, model: nn.Module | None = None, reg: Any = None, **values: Any) -> Run:
    torch.manual_seed(0)
    model = nn.Linear(4, 3, bias=False) if model is None else model
    settings = {"epochs": 1, "batch_size": 4, "lr": 0.1} | values
    return Run(
        model=model,
        reg=Stack(reg or {}),
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        schedule=settings.pop("schedule", lambda progress: 1.0),
        data=Dataset(rows(num_train), rows(6), rows(5), lambda: rows(1), (4,), 3),
        device=torch.device("cpu"),
        seed=0,
        **settings,
    )


def finished(run: Run, history: Sequence[Record] = ()) -> list[Record]:
    return [event.record for event in fit(run, history) if isinstance(event, EpochEnd)]


# --- batches


@pytest.mark.parametrize(
    ("num_train", "sizes"), [(12, [4, 4, 4]), (13, [4, 4, 5]), (14, [4, 4, 4, 2]), (1, [1]), (5, [5])]
)
def test_a_batch_of_one_joins_the_one_before(num_train: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in batch_order(made(num_train), 0)] == sizes


def test_every_row_comes_once_in_each_epoch_in_another_order() -> None:
    orders = [torch.cat(batch_order(made(13), epoch)).tolist() for epoch in (0, 1)]
    assert [sorted(order) for order in orders] == [list(range(13))] * 2
    assert orders[0] != orders[1]


def test_the_order_follows_the_seed_alone() -> None:
    run, other = made(), made()
    torch.manual_seed(5)
    assert torch.equal(torch.cat(batch_order(run, 0)), torch.cat(batch_order(other, 0)))
    other.seed = 1
    assert not torch.equal(torch.cat(batch_order(run, 0)), torch.cat(batch_order(other, 0)))


def test_trains_on_each_row_once_per_epoch() -> None:
    class Seen(Quiet):
        def transform_batch(self, batch: Batch) -> Batch:
            inputs.append(batch.inputs)
            return batch

    inputs: list[Tensor] = []
    run = made(13, reg={"seen": Seen()}, epochs=2)
    finished(run)
    first, second = (torch.cat(inputs[i : i + 3]) for i in (0, 3))
    for epoch in (first, second):
        assert sorted(epoch.tolist()) == sorted(run.data.train.inputs.tolist())


# --- schedule and events


def test_the_schedule_is_read_in_the_middle_of_each_step_and_written_into_every_group() -> None:
    run = made(12, epochs=2, lr=10.0, schedule=lambda progress: progress)
    run.optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
    seen = []
    records = []
    for event in fit(run):
        if isinstance(event, StepEnd):
            seen.append([group["lr"] for group in run.optimizer.param_groups])
        else:
            records.append(event.record)
    expected = [10 * (step + 0.5) / 6 for step in range(6)]  # two epochs of three steps
    assert seen == [[pytest.approx(lr)] * 2 for lr in expected]
    assert [r.metrics["schedule/lr"] for r in records] == pytest.approx([expected[2], expected[5]])


def test_says_the_end_of_every_step_and_epoch() -> None:
    events = list(fit(made(12, epochs=2)))
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["StepEnd", "StepEnd", "StepEnd", "EpochEnd"] * 2
    assert [e[:3] for e in events if isinstance(e, StepEnd)] == [(e, s, 3) for e in (0, 1) for s in range(3)]


def test_the_clock_counts_steps_through_the_epochs() -> None:
    run = made(12, epochs=2)
    assert [run.clock.step for e in fit(run) if isinstance(e, StepEnd)] == [0, 1, 2, 3, 4, 5]


def test_continues_the_numbers_of_a_history() -> None:
    class Progress(Quiet):
        def begin_step(self, progress: float) -> None:
            seen.append(progress)

    seen: list[float] = []
    run = made(12, reg={"progress": Progress()}, epochs=4, schedule=lambda progress: progress, lr=12.0)
    records = finished(run, [Record(1, {}), Record(2, {})])
    assert [record.epoch for record in records] == [3, 4]
    assert seen == pytest.approx([6 / 11, 7 / 11, 8 / 11, 9 / 11, 10 / 11, 1])  # the last six of twelve steps
    assert records[0].metrics["schedule/lr"] == pytest.approx(8.5)  # the ninth of twelve steps
    assert finished(run, [Record(e, {}) for e in (1, 2, 3, 4)]) == []


@pytest.mark.parametrize(("epochs", "expected"), [(1, [0, 0.5, 1]), (2, [0, 0.2, 0.4, 0.6, 0.8, 1])])
def test_progress_goes_from_0_in_the_first_step_to_1_in_the_last(epochs: int, expected: list[float]) -> None:
    class Progress(Quiet):
        def begin_step(self, progress: float) -> None:
            seen.append(progress)

    seen: list[float] = []
    finished(made(12, reg={"progress": Progress()}, epochs=epochs))
    assert seen == pytest.approx(expected)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_progress_is_1_in_the_only_step_of_a_run() -> None:
    class Progress(Quiet):
        def begin_step(self, progress: float) -> None:
            seen.append(progress)

    seen: list[float] = []
    finished(made(4, reg={"progress": Progress()}, epochs=1))
    assert seen == [1.0]


@pytest.mark.parametrize(("every", "evaluated"), [(1, [1, 2, 3]), (2, [2, 3]), (5, [3])])
def test_evaluates_now_and_then_and_at_the_end(every: int, evaluated: list[int]) -> None:
    events = [e for e in fit(made(epochs=3, evaluate_every=every)) if isinstance(e, EpochEnd)]
    assert [e.record.epoch for e in events if "val/loss" in e.record.metrics] == evaluated
    assert [e.record.epoch for e in events if e.evaluated is not None] == evaluated
    assert all("objective/data" in e.record.metrics for e in events)


def test_what_is_asked_for_is_measured_on_val_alone_where_an_epoch_is_evaluated() -> None:
    records = finished(made(epochs=3, evaluate_every=2, evaluate=["calibration"]))
    asked = [{n for n in r.metrics if n.endswith(("/ece", "/brier"))} for r in records]
    assert asked == [set(), {"val/ece", "val/brier"}, {"val/ece", "val/brier"}]
    plain = finished(made(epochs=3, evaluate_every=2))
    assert [r.metrics["val/loss"] for r in records[1:]] == [r.metrics["val/loss"] for r in plain[1:]]
    assert not any("val/ece" in r.metrics for r in plain)


def test_ends_when_a_member_says_so_after_an_evaluation() -> None:
    class Stop(Quiet):
        def end_epoch(self, history: Sequence[Record], evaluated: nn.Module) -> bool:
            asked.append(history[-1].epoch)
            return history[-1].epoch >= 3

    asked: list[int] = []
    run = made(reg={"stop": Stop()}, epochs=9, evaluate_every=2)
    events = [event for event in fit(run) if isinstance(event, EpochEnd)]
    assert asked == [2, 4]
    assert [event.stopped for event in events] == [False, False, False, True]


def test_a_member_s_figures_stand_under_its_name() -> None:
    class Figure(Quiet):
        def metrics(self, model: nn.Module) -> dict[str, float]:
            return {"rows": float(model.weight.shape[0])}

    (record,) = finished(made(reg={"mine": Figure()}))
    assert record.metrics["mine/rows"] == 3.0


# --- the objective


def test_terms_are_means_over_the_rows_whatever_the_batches() -> None:
    class Rows(Quiet):
        def penalty(self, forward: ForwardPass) -> Tensor:
            return forward.logits.new_tensor(float(len(forward.batch)))

    run = made(13, reg={"rows": Rows()}, lr=0.0)
    train = run.data.train
    clean = F.cross_entropy(run.model(train.inputs), train.labels).item()
    (record,) = finished(run)
    assert record.metrics["objective/data"] == pytest.approx(clean, rel=1e-5)
    assert record.metrics["objective/rows"] == pytest.approx((4 * 4 + 4 * 4 + 5 * 5) / 13)


def test_a_step_of_plain_descent_is_the_one_of_the_book() -> None:
    run = made(4, lr=0.5)
    before = run.model.weight.detach().clone()
    batch = run.data.train[torch.cat(batch_order(run, 0))]
    shares = (batch.inputs @ before.T).softmax(1)
    gradient = (shares - batch.targets).T @ batch.inputs / 4  # of the mean cross-entropy
    finished(run)
    torch.testing.assert_close(run.model.weight.detach(), before - 0.5 * gradient)


def test_data_loss_replaces_the_cross_entropy_and_transform_loss_acts_on_it() -> None:
    class Own(Quiet):
        def data_loss(self, forward: ForwardPass) -> Tensor:
            return forward.logits.sum() * 0 + 3

    class Twice(Quiet):
        def transform_loss(self, loss: Tensor) -> Tensor:
            return 2 * loss

    class Plus(Quiet):
        def transform_loss(self, loss: Tensor) -> Tensor:
            return loss + 1

    (record,) = finished(made(reg={"own": Own(), "plus": Plus(), "twice": Twice()}))
    assert record.metrics["objective/data"] == pytest.approx(8)  # (3 + 1) * 2
    run = made(reg={"twice": Twice()}, lr=0.0)
    clean = F.cross_entropy(run.model(run.data.train.inputs), run.data.train.labels).item()
    assert finished(run)[0].metrics["objective/data"] == pytest.approx(2 * clean, rel=1e-5)


@pytest.mark.parametrize("wanted", [True, False])
def test_hidden_outputs_are_recorded_only_for_a_member_that_wants_them(wanted: bool) -> None:
    class Look(Quiet):
        records_hidden = wanted

        def penalty(self, forward: ForwardPass) -> None:
            seen.append([hidden.clone() for hidden in forward.hidden])

    seen: list[list[Tensor]] = []
    model = nn.Sequential(nn.Linear(4, 5), Site("hidden", (5,), body=nn.ReLU()), nn.Linear(5, 3))
    run = made(4, model=model, reg={"look": Look(), "quiet": Quiet()})
    first = model[0](run.data.train.inputs[torch.cat(batch_order(run, 0))]).relu().detach()
    finished(run)
    assert len(seen[0]) == int(wanted)
    if wanted:
        torch.testing.assert_close(seen[0][0].detach(), first)


def test_a_probe_is_the_gradient_of_the_data_loss_alone_and_unedited() -> None:
    run = made(reg={"member": SumOfWeights()})
    batch = run.data.train[:4]
    loss = F.cross_entropy(run.model(batch.inputs), batch.targets)
    (clean,) = torch.autograd.grad(loss, run.model.weight)
    run.optimizer = Grab(run.optimizer, True, False)
    terms = train_step(run, batch)
    (probe,), (whole,) = run.optimizer.found
    torch.testing.assert_close(probe, clean)
    torch.testing.assert_close(whole, clean + 101)  # 1 of the penalty, 100 of the edit
    total = run.model.weight.sum().item()
    assert run.optimizer.values == pytest.approx([loss.item(), loss.item() + total], rel=1e-5)
    assert terms["member"].item() == pytest.approx(total, rel=1e-5)


def test_terms_are_those_of_the_first_pass() -> None:
    class Passes(Quiet):
        def penalty(self, forward: ForwardPass) -> Tensor:
            return forward.logits.new_tensor(float(10 + run.clock.passes))

    run = made(reg={"passes": Passes()})
    run.optimizer = Grab(run.optimizer, False, False, False)
    assert train_step(run, run.data.train[:4])["passes"].item() == 10
    assert run.clock.passes == 3
    assert train_step(run, run.data.train[:4])["passes"].item() == 10, "passes begin at 0 in each step"


# --- micro-batches


@pytest.mark.parametrize(("count", "parts"), [(8, 4), (7, 3), (9, 4), (5, 2)])
def test_micro_batches_leave_the_gradient_as_it_is(count: int, parts: int) -> None:
    def gradient(accumulate: int) -> tuple[Tensor, dict[str, Tensor], float]:
        run = made(reg={"member": SumOfWeights()}, accumulate=accumulate)
        run.optimizer = Grab(run.optimizer, False)
        terms = train_step(run, rows(count)[:])
        assert run.clock.micro == min(parts, accumulate) - 1
        return run.optimizer.found[0][0], terms, run.optimizer.values[0]

    whole, split = gradient(1), gradient(4)
    torch.testing.assert_close(split[0], whole[0])
    torch.testing.assert_close(split[1], whole[1])
    assert split[2] == pytest.approx(whole[2], rel=1e-5)


@pytest.mark.parametrize(
    ("count", "accumulate", "sizes"),
    [(8, 3, [3, 3, 2]), (5, 9, [3, 2]), (3, 9, [3]), (2, 9, [2]), (1, 4, [1])],
)
def test_no_micro_batch_holds_a_single_row_of_several(count: int, accumulate: int, sizes: list[int]) -> None:
    class Sizes(Quiet):
        def transform_batch(self, batch: Batch) -> Batch:
            seen.append((run.clock.micro, len(batch)))
            return batch

    seen: list[tuple[int, int]] = []
    run = made(reg={"sizes": Sizes()}, accumulate=accumulate)
    train_step(run, rows(count)[:])
    assert seen == list(enumerate(sizes))


def test_gradients_are_edited_once_a_step() -> None:
    log: list[tuple[str, str]] = []
    train_step(made(reg={"a": Spy("a", log)}, accumulate=3), rows(6)[:])
    called = [hook for hook, _ in log]
    assert (called.count("transform_batch"), called.count("penalty")) == (3, 3)
    assert (called.count("edit_gradients"), called.count("edit_weights")) == (1, 1)


# --- hooks


def test_hooks_come_in_the_documented_order_each_for_all_members() -> None:
    log: list[tuple[str, str]] = []
    members = {name: Spy(name, log) for name in ("a", "b")}
    finished(made(8, reg=members))
    step = ["begin_step", "transform_batch", "data_loss", "transform_loss", "penalty"]
    step += ["edit_gradients", "edit_weights", "end_step"]
    hooks = ["begin_epoch", *step, *step, "eval_model", "metrics", "end_epoch"]
    assert log == [(hook, name) for hook in hooks for name in ("a", "b")]


def test_the_end_of_a_step_sees_the_weights_after_every_edit() -> None:
    class Look(Quiet):
        def end_step(self, model: nn.Module) -> None:
            seen.append(model.weight.detach().clone())

    class Set(Quiet):
        @torch.no_grad()
        def edit_weights(self, model: nn.Module) -> None:
            model.weight.fill_(7)

    seen: list[Tensor] = []
    finished(made(4, reg={"look": Look(), "set": Set()}))
    assert torch.equal(seen[0], torch.full((3, 4), 7.0))


def test_what_a_member_evaluates_instead_is_what_is_measured() -> None:
    class Zero(Quiet):
        def eval_model(self, model: nn.Module) -> nn.Module:
            zero = nn.Linear(4, 3)
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)
            return zero

    (record,) = finished(made(reg={"zero": Zero()}))
    assert record.metrics["val/loss"] == pytest.approx(1.0986123)  # log 3
    assert record.metrics["gap/loss"] == pytest.approx(0, abs=1e-6)


def test_trains_in_training_mode_again_after_an_evaluation() -> None:
    class Mode(Quiet):
        def penalty(self, forward: ForwardPass) -> None:
            seen.append(forward.model.training)

    seen: list[bool] = []
    run = made(reg={"mode": Mode()}, epochs=2)
    run.model.eval()
    finished(run)
    assert seen == [True] * 6


# --- divergence


def test_an_objective_that_explodes_ends_the_run() -> None:
    with pytest.raises(Diverged, match=r"^the objective in epoch \d is not finite$"):
        finished(build_run(tiny(lr=1e9)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_objective_may_be_nan_or_infinite(value: float) -> None:
    class Broken(Quiet):
        def transform_loss(self, loss: Tensor) -> Tensor:
            return loss * 0 + value

    with pytest.raises(Diverged, match="the objective in epoch 1"):
        finished(made(reg={"broken": Broken()}))


def test_a_measured_loss_that_is_no_number_ends_the_run() -> None:
    class Broken(Quiet):
        def eval_model(self, model: nn.Module) -> nn.Module:
            broken = nn.Linear(4, 3)
            nn.init.constant_(broken.weight, float("nan"))
            return broken

    with pytest.raises(Diverged, match=r"^a measured loss of epoch 1 is not finite$"):
        finished(made(reg={"broken": Broken()}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_no_loss_depends_on_ends_the_run_too(value: float) -> None:
    class Broken(Quiet):
        @torch.no_grad()
        def end_step(self, model: nn.Module) -> None:
            model.unused[1] = value

    model = nn.Linear(4, 3)
    model.unused = nn.Parameter(torch.zeros(3))
    with pytest.raises(Diverged, match=r"^a weight is not finite after epoch 1$"):
        finished(made(model=model, reg={"broken": Broken()}))


# --- a device that works while the host goes on


def test_nothing_is_read_within_an_epoch() -> None:
    run = made(
        160, model=nn.Sequential(nn.Linear(4, 5), Site("hidden", (5,), body=nn.ReLU()), nn.Linear(5, 3))
    )
    reads = Reads()
    with reads:
        for event in train_epoch(run, 0):
            if event.step < event.steps - 1:
                assert reads.count == 0
    assert event.steps == 40
    assert reads.count <= 1
