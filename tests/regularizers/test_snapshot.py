"""Snapshot ensembles: which weights are kept, and their predictions averaged by copies of the model."""

import copy

import pytest
import torch
from torch import nn

from regbench.nn.snapshots import WithWeights
from regbench.regularizers.base import Stack
from regbench.regularizers.batch_norm import BatchNorm
from regbench.regularizers.ema import EMA
from regbench.regularizers.snapshot import NAME, Snapshot
from regbench.sites import Site
from regbench.streams import Clock, Stream
from regbench.tasks import Regression
from regbench.types import Split


def member(cycles, last=None, numbers=None):
    reg = Snapshot(cycles, last)
    labels = torch.zeros(2, dtype=torch.int64) if numbers is None else torch.zeros(2, 1)
    reg.check_data(Split(torch.zeros(2, 3), labels, 2, numbers=numbers))
    reg.clock = Clock()
    reg.stream = Stream(0, "snapshot", reg.clock)
    return reg


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def run(reg, model, steps, seen):
    """Take steps that change everything in the model, and call seen(step) after each."""
    for reg.clock.step in range(steps):
        reg.begin_step(reg.clock.step / (steps - 1))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        model.train()(torch.randn(8, 3))
        reg.end_step(model)
        seen(reg.clock.step)


def taken(cycles, steps):
    """The steps after which weights were kept."""
    reg, model = member(cycles), nn.Linear(1, 1, bias=False)
    model = reg.prepare_model(model)
    for step in range(steps):
        model.weight.data.fill_(float(step))
        reg.clock.step = step
        reg.begin_step(step / (steps - 1) if steps > 1 else 1.0)
        reg.end_step(model)
    counted = model.get_submodule(NAME)
    return [int(counted.get_buffer(f"{slot}/weight")) for slot in range(int(counted.taken))]


def test_keeps_the_weights_of_the_last_step_of_each_cycle():
    assert taken(4, 20) == [4, 9, 14, 19]
    # of 10 steps in three cycles: those whose middle is the last before 10/3 and 20/3 of 0.5, 1.5, ...
    assert taken(3, 10) == [2, 6, 9]


def test_a_cycle_may_have_a_single_step_also_the_first():
    assert taken(2, 2) == [0, 1]
    assert taken(3, 3) == [0, 1, 2]
    # of 3 steps in two cycles: of 0.5, 1.5 and 2.5 the second is 3/2, and begins the second cycle
    assert taken(2, 3) == [0, 2]
    assert taken(4, 7) == [1, 2, 4, 6]
    assert taken(5, 4) == taken(100, 4) == [0, 1, 2, 3]  # no more than there are steps
    assert taken(2, 1) == [0]


def test_a_first_step_that_ends_a_cycle_counts_also_where_the_run_goes_on_from_a_checkpoint():
    """Whether it does is known in the second step, and the weights lie in the model until then."""
    reg, other = member(2), member(2)
    model, again = reg.prepare_model(nn.Linear(3, 2)), other.prepare_model(nn.Linear(3, 2))
    first, inputs = copy.deepcopy((model.weight.data, model.bias.data)), torch.randn(5, 3)
    reg.begin_step(0.0)
    reg.end_step(model)
    assert torch.equal(model.eval()(inputs), nn.functional.linear(inputs, *first))
    again.load_state_dict(model.state_dict())
    other.clock.step = 1
    other.begin_step(1.0)
    again.weight.data.add_(1.0)
    other.end_step(again)
    second = first[0] + 1.0, first[1]
    each = [nn.functional.linear(inputs, *weights).softmax(1) for weights in (first, second)]
    torch.testing.assert_close(again.eval()(inputs).softmax(1), (each[0] + each[1]) / 2)


@pytest.mark.parametrize("last", [None, 2, 9])
def test_is_the_mean_of_what_copies_kept_at_these_ends_predict(last):
    reg = member(3, last)
    model, inputs, copies = reg.prepare_model(net()), torch.randn(5, 3), []

    def keep(step):
        if step in (3, 7, 11):
            copies.append(copy.deepcopy(net()))
            own = {n: t for n, t in model.state_dict().items() if not n.startswith(NAME)}
            copies[-1].load_state_dict(own)
        plain = net()
        plain.load_state_dict({n: t for n, t in model.state_dict().items() if not n.startswith(NAME)})
        shown = copies[-2:] if last == 2 else copies
        expected = torch.stack([one.eval()(inputs).softmax(1) for one in shown or [plain]]).mean(0)
        torch.testing.assert_close(reg.eval_model(model).eval()(inputs).softmax(1), expected)

    run(reg, model, 12, keep)
    assert len(copies) == 3


def test_of_numbers_it_is_the_mean_of_the_outputs():
    reg = member(2, numbers=Regression((0.0,), (1.0,)))
    model = reg.prepare_model(nn.Linear(1, 1, bias=False))
    for value in (1.0, 4.0):
        model.weight.data.fill_(value)
        reg.begin_step(1.0)
        reg.end_step(model)
    assert model.eval()(torch.ones(1, 1)).item() == 2.5


def test_training_and_the_own_names_of_the_model_know_nothing_of_it():
    reg, plain = member(2), net()
    model = reg.prepare_model(net())
    assert plain.state_dict().keys() < model.state_dict().keys()
    run(reg, model, 4, lambda _: None)
    plain.load_state_dict({n: t for n, t in model.state_dict().items() if not n.startswith(NAME)})
    inputs = torch.randn(6, 3)
    assert torch.equal(model.train()(inputs), plain.train()(inputs))
    assert len(list(model.parameters())) == len(list(plain.parameters()))


def test_a_state_dict_holds_the_ensemble_also_of_what_later_members_put_in():
    def made():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), Site("norm", (4,)), nn.Linear(4, 2))
        reg = member(2)
        return reg, BatchNorm(True, 1e-5, 0.1).prepare_model(reg.prepare_model(model))

    (reg, model), (_, other) = made(), made()
    run(reg, model, 6, lambda _: None)
    inputs = torch.randn(5, 3)
    expected = model.eval()(inputs)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.eval()(inputs), expected)
    assert torch.equal(WithWeights(made()[1], model.state_dict()).eval()(inputs), expected)
    assert f"{NAME}.0/1/body/running_mean" in model.state_dict()


def test_no_other_member_may_replace_the_evaluated_model():
    with pytest.raises(ValueError, match=r"^ema and snapshot each replace the evaluated model; keep one$"):
        Stack({"ema": EMA(0.9, True), "snapshot": Snapshot(3, None)})


def test_notes_which_and_how_the_schedule_follows():
    reg = member(5, 2)
    reg.prepare_model(net())
    assert reg.note() == (
        "averages the predictions at the ends of the last 2 cycles (fewer where the run has fewer steps); "
        "schedule=cyclic schedule.cycles=5 restarts the learning rate in each"
    )


def test_does_nothing_with_one_cycle():
    reg, model = member(1), net()
    before = str(model)
    assert reg.prepare_model(model) is model
    reg.begin_step(1.0)
    reg.end_step(model)
    assert reg.eval_model(model) is model
    assert str(model) == before
    assert reg.note() == ""


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match=r"^cycles must be at least 1, got 0$"):
        Snapshot(0, None)
    with pytest.raises(ValueError, match=r"^last must be at least 1 or null, got 0$"):
        Snapshot(3, 0)


@pytest.mark.parametrize("numbers", [None, Regression((2.0, 0.0), (3.0, 1.0))])
@pytest.mark.parametrize("kept", [0, 1, 2, 5])
def test_a_program_of_the_model_computes_the_same_mean_however_many_are_kept(kept, numbers):
    reg = member(4, last=3, numbers=numbers)
    model = reg.prepare_model(net())
    counted = model.get_submodule(NAME)
    for _ in range(kept):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        counted.take(model)
    counted.allocate(model)  # as a checkpoint's names are asked for
    rows = torch.randn(5, 3)
    program = torch.export.export(
        model.eval(), (rows,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), strict=False
    )
    inputs = torch.randn(9, 3)
    torch.testing.assert_close(program.module()(inputs), model(inputs))


class Twice(nn.Module):
    """A module under two names."""

    def __init__(self):
        super().__init__()
        self.one, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(3)
        self.again = self.norm

    def forward(self, inputs):
        return self.again(self.one(self.norm(inputs)))


def test_a_module_under_two_names_is_in_the_program_too():
    torch.manual_seed(0)
    reg = member(2)
    model = reg.prepare_model(Twice())
    for _ in range(2):
        model.train()(torch.randn(8, 3))
        model.get_submodule(NAME).take(model)
    rows = torch.randn(5, 3)
    program = torch.export.export(model.eval(), (rows,), strict=False)
    torch.testing.assert_close(program.module()(rows), model(rows))
