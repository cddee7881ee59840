"""The Jacobian penalty: a linear model, torch's Jacobian, and the estimate beside it."""

import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from regbench.models.rnn import RNN
from regbench.models.transformer import Transformer
from regbench.regularizers.jacobian import Jacobian
from regbench.streams import Clock, Stream
from regbench.types import Batch, ForwardPass, Split


def penalty(model, inputs, outputs, strength=1.0, projections=None, step=0):
    reg = Jacobian(strength, projections)
    reg.stream = Stream(0, "jacobian", Clock(step))
    targets = torch.zeros(len(inputs), outputs)
    return reg.penalty(ForwardPass(model, Batch(inputs, targets), targets, ()))


def curved():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def test_of_a_linear_model_it_is_half_the_squares_of_its_weight():
    layer = nn.Linear(2, 2)
    layer.weight.data = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    for rows in (1, 5):
        assert penalty(layer, torch.randn(rows, 2), 2, strength=0.5).item() == pytest.approx(0.25 * 14)
    penalty(layer, torch.randn(3, 2), 2, strength=0.5).backward()
    torch.testing.assert_close(layer.weight.grad, 0.5 * layer.weight.detach())
    assert layer.bias.grad is None or not layer.bias.grad.any()


def test_exact_agrees_with_the_jacobian_of_torch():
    model, inputs = curved(), torch.randn(4, 2, 3).double()
    expected = sum(jacobian(model, row[None]).square().sum() for row in inputs) / 2 / 4
    assert penalty(model, inputs, 3).item() == pytest.approx(expected.item(), rel=1e-6)


def test_its_gradient_agrees_with_differences():
    model, inputs = curved(), torch.randn(4, 2, 3).double()
    weight = model[1].weight
    penalty(model, inputs, 3).backward()
    step = 1e-4
    weight.data[0, 0] += step
    above = penalty(model, inputs, 3).item()
    weight.data[0, 0] -= 2 * step
    below = penalty(model, inputs, 3).item()
    assert weight.grad[0, 0].item() == pytest.approx((above - below) / (2 * step), rel=1e-3)


def test_the_estimate_is_right_on_average_and_better_with_more_projections():
    model, inputs = curved(), torch.randn(4, 2, 3).double()
    exact = penalty(model, inputs, 3).item()
    many = torch.tensor([penalty(model, inputs, 3, 1.0, 1, step).item() for step in range(600)])
    fours = torch.tensor([penalty(model, inputs, 3, 1.0, 4, step).item() for step in range(150)])
    assert many.std() > 0
    for drawn in (many, fours):
        assert drawn.mean().item() == pytest.approx(exact, abs=4 * drawn.std().item() / len(drawn) ** 0.5)
    assert (fours.std() / many.std()).item() == pytest.approx(0.5, rel=0.25)


def test_a_projection_is_as_long_as_it_should_be():
    """Of one output there is one direction, so the estimate is exact."""
    layer = nn.Linear(3, 1)
    inputs = torch.randn(4, 3)
    assert penalty(layer, inputs, 1, 1.0, 1).item() == pytest.approx(penalty(layer, inputs, 1).item())


def test_running_statistics_stay_and_the_inputs_have_no_gradient():
    model, inputs = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).train(), torch.randn(5, 2)
    before = model[1].running_mean.clone()
    penalty(model, inputs, 3).backward()
    assert torch.equal(model[1].running_mean, before)
    assert model[1].num_batches_tracked == 0
    assert inputs.grad is None
    assert not inputs.requires_grad


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_fused_recurrence_can_be_differentiated_twice(cell):
    model = RNN((1, 4, 4), 3, vocabulary=None, cell=cell, embedding=4, width=4, depth=1)
    penalty(model, torch.rand(2, 1, 4, 4), 3).backward()
    assert model.head.weight.grad.any()


def test_fused_attention_can_be_differentiated_twice():
    model = Transformer((1, 4, 4), 3, None, width=4, depth=1, heads=2, patch=2, share_layers=1, norm="layer")
    inputs = torch.rand(2, 1, 4, 4)
    leaf = inputs.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(leaf).sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="is not implemented"):  # so the model does run the fused kernel
        slope.square().sum().backward()
    found = penalty(model, inputs, 3)
    expected = sum(jacobian(model, row[None]).square().sum() for row in inputs) / 2 / 2
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    found.backward()
    assert model.blocks[0].attention.body.attention.entering.weight.grad.any()


def test_of_several_runs_at_once_it_is_that_of_each():
    model, inputs = curved(), torch.randn(2, 4, 2, 3).double()
    alone = [penalty(model, one, 3).item() for one in inputs]
    at_once = torch.func.vmap(lambda one: penalty(model, one, 3))(inputs)
    assert at_once.tolist() == pytest.approx(alone)


def test_says_what_it_costs():
    assert Jacobian(0.1, 2).note() == "1 forward pass more, and backward passes through it: 2"
    assert Jacobian(0.1, None).note().endswith("through it: one for each output")
    assert Jacobian(0.0, None).note() == ""


def test_refuses_what_it_cannot_do_and_adds_nothing_at_zero():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -1$"):
        Jacobian(-1, None)
    with pytest.raises(ValueError, match=r"^projections must be at least 1, got 0$"):
        Jacobian(0.1, 0)
    tokens = Split(torch.ones(2, 3, dtype=torch.int64), torch.tensor([0, 1]), 2, vocabulary=5)
    with pytest.raises(ValueError, match=r"^jacobian needs float inputs, got torch.int64$"):
        Jacobian(0.1, 1).check_data(tokens)
    Jacobian(0.0, 1).check_data(tokens)
    assert penalty(nn.Linear(2, 2), torch.ones(1, 2), 2, strength=0.0) is None
