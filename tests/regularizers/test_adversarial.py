"""Adversarial training: a linear model, whose worst inputs are known, and a descent that must turn back."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regbench.regularizers.adversarial import Adversarial
from regbench.streams import Clock, Stream
from regbench.tasks import Regression
from regbench.types import Batch, ForwardPass, Split


def made(*values, inputs=None, numbers=None):
    reg = Adversarial(*values)
    inputs = torch.tensor([[5.0], [-5.0]]) if inputs is None else inputs
    labels = torch.zeros(len(inputs), dtype=torch.int64) if numbers is None else torch.zeros(len(inputs), 1)
    reg.check_data(Split(inputs, labels, 2, numbers=numbers))
    reg.stream = Stream(0, "adversarial", Clock())
    return reg


def linear(*weights):
    """Two classes, the logit of the first w' x and of the other 0."""
    model = nn.Linear(len(weights), 2, bias=False)
    model.weight.data = torch.tensor([weights, [0.0] * len(weights)])
    return model


def forward(model, inputs, targets, class_weights=None):
    batch = Batch(torch.tensor(inputs), torch.tensor(targets))
    return ForwardPass(model, batch, model(batch.inputs), (), class_weights)


FIRST, SECOND = [1.0, 0.0], [0.0, 1.0]


def test_of_a_linear_model_it_is_the_loss_with_the_margin_less_epsilon_times_the_weights():
    """Goodfellow et al., section 5: softplus(-(w' x - epsilon |w|_1)) where the first class is right."""
    reg = made(0.25, 0.5, 1, False)
    given = forward(linear(2.0, -3.0), [[1.0, 0.5], [0.0, 1.0]], [FIRST, SECOND])
    # margins 2 - 1.5 = 0.5 of the first class, and 3 of the second; each less 0.25 * 5
    expected = (math.log1p(math.exp(0.75)) + math.log1p(math.exp(-1.75))) / 2
    value = reg.penalty(given)
    assert value.item() == pytest.approx(0.5 * expected, rel=1e-6)
    assert reg.moved(given).tolist() == [[0.75, 0.75], [0.25, 0.75]]


def test_the_gradient_is_that_of_the_loss_there_and_reaches_the_weights_alone():
    reg, model = made(0.25, 0.5, 1, False), linear(2.0, -3.0)
    reg.penalty(forward(model, [[1.0, 0.5]], [FIRST])).backward()
    slope = -1 / (1 + math.exp(-0.75))  # of softplus(-m) in m at -0.75, x' = (0.75, 0.75)
    torch.testing.assert_close(model.weight.grad[0], torch.tensor([0.75, 0.75]) * slope * 0.5)


def test_what_is_left_of_the_data_loss_is_one_less_the_share():
    assert made(0.1, 0.3, 1, False).transform_loss(torch.tensor(2.0)).item() == pytest.approx(1.4)
    assert made(0.0, 0.3, 1, False).transform_loss(torch.tensor(2.0)).item() == 2.0


def test_targets_and_class_weights_are_those_of_the_batch():
    reg = made(0.0625, 1.0, 1, False)
    mixed = [[0.25, 0.75]]
    given = forward(linear(4.0), [[0.5]], mixed, torch.tensor([1.0, 3.0]))
    # the gradient in the logit's difference at 2 is positive: up to 0.5625, where it is 2.25
    first, second = math.log1p(math.exp(-2.25)), math.log1p(math.exp(2.25))
    expected = 0.25 * first + 3 * 0.75 * second
    assert reg.penalty(given).item() == pytest.approx(expected, rel=1e-6)


def test_numbers_are_predicted_with_their_own_loss():
    reg = made(0.5, 1.0, 1, False, numbers=Regression((0.0,), (1.0,)))
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(2.0)
    value = reg.penalty(forward(model, [[1.0], [-1.0]], [[1.0], [0.0]]))
    assert value.item() == pytest.approx(((3 - 1) ** 2 + (-3 - 0) ** 2) / 2)


def test_pixels_stay_pixels():
    pixels = torch.tensor([[[[0.0, 1.0]]], [[[0.5, 0.5]]]])
    model = nn.Sequential(nn.Flatten(), linear(2.0, -3.0))
    for inputs, expected in ((pixels, [0.0, 1.0]), (3 * pixels, [-0.25, 1.25])):
        reg = made(0.25, 0.5, 1, False, inputs=inputs)
        assert reg.moved(forward(model, [[[[0.0, 1.0]]]], [FIRST])).flatten().tolist() == expected
        assert ("[0, 1]" in reg.note()) == (inputs is pixels)


class Bump(nn.Module):
    """Logits -(x - 0.3)^2 / 2 and its negative: the loss of the second class is largest at 0.3."""

    def forward(self, inputs):
        values = -((inputs - 0.3) ** 2) / 2
        return torch.cat([values, -values], 1)


def test_more_steps_turn_back_and_never_leave_the_ball():
    # radius 0.4 from 0: steps of 0.5 each: to 0.4 (0.5 is outside), then back to -0.1
    assert made(0.4, 0.5, 2, False).moved(forward(Bump(), [[0.0]], [SECOND])).item() == pytest.approx(-0.1)
    # 20 steps of 0.05 come within one of them
    near = made(0.4, 0.5, 20, False).moved(forward(Bump(), [[0.0]], [SECOND]))
    assert near.item() == pytest.approx(0.3, abs=0.05 + 1e-6)


def test_a_random_start_lies_anywhere_within_epsilon():
    flat = linear(0.0)  # no slope: what it starts with is what stays
    given = forward(flat, [[1.0]] * 4000, [FIRST] * 4000)
    moved = made(0.5, 0.5, 1, True).moved(given)
    assert moved.min() >= 0.5
    assert moved.max() <= 1.5
    assert moved.mean().item() == pytest.approx(1.0, abs=4 * 0.5 / math.sqrt(3 * 4000))
    assert moved.std().item() == pytest.approx(0.5 / math.sqrt(3), rel=0.05)
    assert torch.equal(made(0.5, 0.5, 1, False).moved(given), given.batch.inputs)


def test_running_statistics_are_those_of_the_clean_rows():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    given = forward(model, [[0.0], [1.0], [2.0]], [FIRST, SECOND, FIRST])
    before = model[1].running_mean.clone()
    value = made(1.0, 1.0, 3, False).penalty(given)
    assert torch.equal(model[1].running_mean, before)
    assert model[1].num_batches_tracked.item() == 1
    assert value > F.cross_entropy(given.logits, given.batch.targets)


def test_leaves_gradients_and_the_batch_alone():
    reg, model = made(0.25, 0.5, 1, False), linear(2.0, -3.0)
    given = forward(model, [[1.0, 0.5]], [FIRST])
    reg.moved(given)
    assert model.weight.grad is None
    assert given.batch.inputs.tolist() == [[1.0, 0.5]]
    assert not given.batch.inputs.requires_grad


def test_does_nothing_at_epsilon_zero_or_without_a_share():
    given = forward(linear(1.0), [[1.0]], [FIRST])
    assert made(0.0, 0.5, 1, False).penalty(given) is None
    assert made(0.5, 0.0, 1, False).penalty(given) is None
    assert made(0.0, 0.5, 1, False).note() == ""


def test_notes_what_it_costs():
    assert made(0.1, 0.5, 1, False).note() == (
        "1 pass to move the inputs and 1 to learn from them; no bounds but epsilon"
    )
    assert made(0.1, 0.5, 7, False).note().startswith("7 passes to move")


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"^epsilon must be at least 0, got -0.1$"):
        Adversarial(-0.1, 0.5, 1, False)
    with pytest.raises(ValueError, match=r"^share must lie in \[0, 1\], got 1.5$"):
        Adversarial(0.1, 1.5, 1, False)
    with pytest.raises(ValueError, match=r"^steps must be at least 1, got 0$"):
        Adversarial(0.1, 0.5, 0, False)
    tokens = torch.zeros(2, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"^inputs must be numbers, which can be moved, got torch.int64$"):
        made(0.1, 0.5, 1, False, inputs=tokens)
    made(0.0, 0.5, 1, False, inputs=tokens)
