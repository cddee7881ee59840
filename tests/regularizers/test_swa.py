"""Stochastic weight averaging: means by hand, and torch's own average and statistics."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from regbench.regularizers import swa
from regbench.regularizers.ghost_batch_norm import GhostNorm
from regbench.regularizers.swa import SWA
from regbench.types import Split


def scalar():
    return nn.Linear(1, 1, bias=False).double()


def averages(reg, values):
    """What is evaluated after each step of a run whose only weight takes these values."""
    model, found = scalar(), []
    for step, value in enumerate(values):
        reg.begin_step(step / (len(values) - 1))
        model.weight.data.fill_(value)
        reg.end_step(model)
        found.append(reg.eval_model(model)(torch.ones(1, 1, dtype=torch.float64)).item())
    return found


def test_is_the_mean_of_all_weights_from_the_start_on_and_before_it_the_model():
    assert averages(SWA(0.5, 1), [9.0, 7.0, 1.0, 3.0, 8.0]) == [9.0, 7.0, 1.0, 2.0, 4.0]


def test_takes_the_first_step_at_the_start_and_each_so_many_later():
    assert averages(SWA(0.0, 2), [1.0, 50.0, 3.0, 50.0, 8.0]) == [1.0, 1.0, 2.0, 2.0, 4.0]


def rows(count):
    inputs = torch.randn(count, 3, generator=torch.Generator().manual_seed(1))
    return Split(inputs, torch.zeros(count, dtype=torch.int64), 2)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))


def trained(model, *seen, steps=20):
    """Steps of SGD, each seen by the averages."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().mean().backward()
        optimizer.step()
        for look in seen:
            look(step / (steps - 1))


def watching(reg, model):
    def look(progress):
        reg.begin_step(progress)
        reg.end_step(model)

    return look


def test_equals_torchs_averaged_model_with_its_statistics_updated():
    """Three parts of 200 rows; torch's own pass would drop units, so its average evaluates all else."""
    model, reg, train = net(), SWA(0.0, 1), rows(600)
    theirs = AveragedModel(model)
    reg.check_data(train)
    trained(model, watching(reg, model), lambda _: theirs.update_parameters(model))
    theirs.module[1].p = 0.0
    update_bn(train.inputs.split(200), theirs)
    evaluated = reg.eval_model(model)
    ours, expected = evaluated.state_dict(), dict(theirs.module.state_dict())
    assert swa.ROWS == 256
    for name in ("2.running_mean", "2.running_var", "0.weight", "3.bias"):
        torch.testing.assert_close(ours[name], expected[name], rtol=1e-5, atol=1e-6)
        assert not torch.equal(ours[name], model.state_dict()[name])
    inputs = torch.randn(5, 3)
    torch.testing.assert_close(evaluated.eval()(inputs), theirs.eval()(inputs), rtol=1e-5, atol=1e-6)


def test_statistics_are_those_of_all_rows_together_where_they_are_one_part():
    model, reg, train = net(), SWA(0.0, 1), rows(50)
    reg.check_data(train)
    trained(model, watching(reg, model), steps=2)
    state = reg.eval_model(model).state_dict()
    hidden = train.inputs @ state["0.weight"].T + state["0.bias"]  # nothing is dropped
    torch.testing.assert_close(state["2.running_mean"], hidden.mean(0))
    torch.testing.assert_close(state["2.running_var"], hidden.var(0))


class Shared(nn.Module):
    """One batch normalization at two places, under two names."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.again = self.norm

    def forward(self, inputs):
        return self.again(self.two(self.norm(self.one(inputs)).relu()))


def test_of_a_batch_normalization_that_is_called_twice_the_statistics_are_torchs_under_both_names():
    torch.manual_seed(0)
    model, reg, train = Shared(), SWA(0.0, 1), rows(600)
    theirs = AveragedModel(model)
    reg.check_data(train)
    trained(model, watching(reg, model), lambda _: theirs.update_parameters(model))
    update_bn(train.inputs.split(200), theirs)
    evaluated, expected = reg.eval_model(model), theirs.module.state_dict()
    ours = evaluated.state_dict()
    for name in ("norm.running_mean", "norm.running_var", "again.running_mean", "again.running_var"):
        torch.testing.assert_close(ours[name], expected[name], rtol=1e-5, atol=1e-6)
    loaded, inputs = Shared(), torch.randn(5, 3)
    loaded.load_state_dict(ours)  # as a checkpoint does
    torch.testing.assert_close(loaded.eval()(inputs), evaluated.eval()(inputs), rtol=0, atol=0)


def test_statistics_of_a_ghost_normalization_are_the_mean_over_all_its_chunks():
    torch.manual_seed(0)
    model, reg, train = nn.Sequential(GhostNorm(3, 10, 1, eps=1e-5, momentum=0.1)), SWA(0.0, 1), rows(500)
    reg.check_data(train)
    trained(model, watching(reg, model), steps=2)
    state = reg.eval_model(model).state_dict()
    # two parts of 250 rows, of 25 chunks of 10 each
    torch.testing.assert_close(state["0.running_mean"], train.inputs.mean(0))
    torch.testing.assert_close(state["0.running_var"], train.inputs.view(50, 10, 3).var(1).mean(0))


def test_an_evaluation_leaves_the_model_the_average_and_its_modes_alone():
    model, reg = net(), SWA(0.0, 1)
    reg.check_data(rows(300))
    trained(model, watching(reg, model), steps=3)
    model.eval()
    model[0].train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    average = {name: tensor.clone() for name, tensor in reg.state_dict()["average"].items()}
    first = {name: tensor.clone() for name, tensor in reg.eval_model(model).state_dict().items()}
    again = reg.eval_model(model).state_dict()
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    assert all(torch.equal(again[name], tensor) for name, tensor in first.items())
    assert all(torch.equal(reg.state_dict()["average"][name], tensor) for name, tensor in average.items())
    assert [module.training for module in model] == [True, False, False, False]
    assert model[2].momentum == 0.1


def test_a_model_with_batch_normalization_needs_the_train_rows():
    model, reg = net(), SWA(0.0, 1)
    trained(model, watching(reg, model), steps=2)
    with pytest.raises(ValueError, match=r"^swa must be given the train rows"):
        reg.eval_model(model)


def test_goes_on_from_its_state_as_if_never_stopped():
    values = [float(v * v % 7) for v in range(12)]
    first, second, model = SWA(0.25, 3), SWA(0.25, 3), scalar()
    state = None
    for step, value in enumerate(values):
        if step == 6:
            second.load_state_dict(first.state_dict())
            first.end_step(scalar())  # what the first does next is none of the second's business
        reg = first if step < 6 else second
        reg.begin_step(step / 11)
        model.weight.data.fill_(value)
        reg.end_step(model)
        state = reg.eval_model(model).state_dict()["weight"].item()
    assert state == pytest.approx((values[3] + values[6] + values[9]) / 3)


def test_does_nothing_where_the_start_is_the_end():
    model, reg = scalar(), SWA(1.0, 1)
    reg.begin_step(1.0)
    reg.end_step(model)
    assert reg.eval_model(model) is model
    assert reg.note() == ""


def test_says_over_how_many_steps_it_averages():
    assert SWA(0.75, 1).averaged_steps(200) == 50
    assert SWA(0.75, 1).note() == "averages every step of the last 25% of the run"
    assert SWA(0.5, 10).note() == "averages one of 10 steps of the last 50% of the run"


def test_follows_the_model_to_its_device():
    model, reg = nn.Linear(1, 1, bias=False, device="meta"), SWA(0.0, 1)
    reg.load_state_dict({"steps": 1, "averaged": 1, "average": {"weight": torch.zeros(1, 1)}})
    reg.end_step(model)
    assert reg.state_dict()["average"]["weight"].device.type == "meta"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((-0.1, 1), r"^start must lie in \[0, 1\], got -0.1$"),
        ((1.1, 1), r"^start must lie in \[0, 1\], got 1.1$"),
        ((0.5, 0), r"^every must be at least 1, got 0$"),
    ],
)
def test_refuses_what_is_out_of_range(values, said):
    with pytest.raises(ValueError, match=said):
        SWA(*values)
