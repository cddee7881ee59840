from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from torch import nn

from regbench.regularizers.base import Regularizer, Stack
from regbench.regularizers.l2 import L2
from regbench.regularizers.sam import SAM
from regbench.tasks import Classification
from regbench.training.loop import Run, train_step
from regbench.types import Batch

HESSIAN = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
SLOPE = torch.tensor([1.0, -2.0], dtype=torch.float64)


class Quadratic(nn.Module):
    """w' H w / 2 - b' w, and a parameter that never gets a gradient."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([0.5, -1.5], dtype=torch.float64))
        self.idle = nn.Parameter(torch.tensor([7.0], dtype=torch.float64))

    def forward(self):
        return self.w @ HESSIAN @ self.w / 2 - SLOPE @ self.w


def stepped(reg, lr=0.1, tilt=0.0):
    """One step of plain SGD under the member, beside a penalty; the model and the loss that came back."""
    model = Quadratic()
    reg.prepare_model(model)
    optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=lr))

    def closure(probe=False):
        optimizer.zero_grad()
        loss = model() + (0.0 if probe else tilt) * model.w.sum()
        loss.backward()
        return loss.detach()

    return model, optimizer.step(closure)


def test_uses_the_gradient_plus_hessian_times_displacement_on_a_quadratic():
    w = torch.tensor([0.5, -1.5], dtype=torch.float64)
    g = HESSIAN @ w - SLOPE  # (-1, -0.5)
    e = 0.3 * g / (1.25**0.5)
    model, loss = stepped(SAM(0.3, False, "data", 1e-12))
    torch.testing.assert_close(model.w.detach(), w - 0.1 * (g + HESSIAN @ e), rtol=1e-12, atol=1e-13)
    assert loss.item() == pytest.approx(-1.625)  # (0.75 - 1.5 + 4.5) / 2 - 3.5
    assert model.idle.item() == 7.0


def test_adaptive_scales_the_displacement_by_the_squared_weights():
    w = torch.tensor([0.5, -1.5], dtype=torch.float64)
    g = torch.tensor([-1.0, -0.5], dtype=torch.float64)
    # T g = (-0.5, -0.75), of length sqrt(0.8125); T^2 g = (-0.25, -1.125)
    e = 0.3 * torch.tensor([-0.25, -1.125], dtype=torch.float64) / 0.8125**0.5
    model, _ = stepped(SAM(0.3, True, "data", 1e-12))
    torch.testing.assert_close(model.w.detach(), w - 0.1 * (g + HESSIAN @ e), rtol=1e-12, atol=1e-13)


def test_a_tiny_radius_is_the_optimizer_inside():
    model, _ = stepped(SAM(1e-9, False, "objective", 1e-12))
    expected = torch.tensor([0.6, -1.45], dtype=torch.float64)  # w - 0.1 * (-1, -0.5)
    torch.testing.assert_close(model.w.detach(), expected, rtol=0, atol=1e-9)


def test_returns_to_the_same_bits_before_the_step():
    model, _ = stepped(SAM(1e3, False, "data", 1e-12), lr=0.0)
    assert model.w.tolist() == [0.5, -1.5]


def test_stays_finite_where_the_gradient_is_zero():
    model = Quadratic()
    model.w.data.zero_()
    optimizer = SAM(0.1, True, "data", 1e-12)
    optimizer.prepare_model(model)
    sharp = optimizer.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.1))

    def closure(probe=False):
        sharp.zero_grad()
        loss = model() + SLOPE @ model.w  # no slope at zero
        loss.backward()
        return loss.detach()

    sharp.step(closure)
    assert model.w.tolist() == [0.0, 0.0]


class Noisy(nn.Module):
    """Keeps or drops each hidden unit from a member's stream, and remembers what it saw and drew."""

    def __init__(self, reg):
        super().__init__()
        self.reg, self.seen, self.masks = reg, [], []

    def forward(self, inputs):
        mask = self.reg.stream.mask(inputs, keep=0.5)
        self.seen.append(inputs)
        self.masks.append(mask)
        return inputs * mask


class Drops(Regularizer):
    off: ClassVar = {}

    def prepare_model(self, model):
        model[0].insert(0, Noisy(self))
        return model


class Counts(Regularizer):
    """Counts the gradients it was shown."""

    off: ClassVar = {}
    edited = 0

    def edit_gradients(self, model):
        self.edited += 1


def small_run(*members, lr=0.1):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 64, bias=False), nn.BatchNorm1d(64)), nn.Linear(64, 2))
    reg = Stack({type(m).__name__.lower(): m for m in members})
    data = SimpleNamespace(task=Classification(2))
    run = Run(model, reg, None, None, data, torch.device("cpu"), seed=0, epochs=1, batch_size=4, lr=lr)
    reg.bind(0, run.clock)
    run.model = reg.prepare_model(model)
    run.optimizer = reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9))
    batch = Batch(torch.randn(4, 3), torch.eye(2).repeat(2, 1))
    for run.clock.step in range(3):
        train_step(run, batch)
    return run


def weights(run):
    return torch.cat([p.detach().flatten() for p in run.model.parameters()])


def test_running_statistics_move_once_a_step():
    norm = small_run(SAM(0.05, False, "data", 1e-12)).model[0][1]
    assert norm.num_batches_tracked.item() == 3
    assert norm.track_running_stats


def test_both_passes_see_the_same_batch_and_draw_masks_of_their_own():
    noisy = small_run(Drops(), SAM(0.05, False, "data", 1e-12)).model[0][0]
    assert len(noisy.masks) == 6
    assert torch.equal(noisy.seen[0], noisy.seen[1])
    assert not torch.equal(noisy.masks[0], noisy.masks[1])


def test_the_decay_of_l2_stays_out_of_the_ascent_in_either_order():
    def sam():
        return SAM(0.5, False, "objective", 1e-12)

    def decay():
        return L2(0.3, "coupled", "weights")

    one, two = small_run(sam(), decay()), small_run(decay(), sam())
    assert torch.equal(weights(one), weights(two))
    assert not torch.equal(weights(one), weights(small_run(sam())))


@pytest.mark.parametrize(("ascent", "tilt"), [("data", 0.0), ("objective", 5.0)])
def test_climbs_along_what_ascent_says_and_descends_along_the_whole(ascent, tilt):
    w = torch.tensor([0.5, -1.5], dtype=torch.float64)
    g = torch.tensor([-1.0, -0.5], dtype=torch.float64)
    e = 0.3 * (g + tilt) / (g + tilt).norm()
    model, _ = stepped(SAM(0.3, False, ascent, 1e-12), tilt=5.0)
    torch.testing.assert_close(model.w.detach(), w - 0.1 * (g + 5 + HESSIAN @ e), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("ascent", "edited"), [("data", 3), ("objective", 6)])
def test_gradients_are_edited_in_the_passes_over_the_whole_objective(ascent, edited):
    counts = Counts()
    small_run(counts, SAM(0.5, False, ascent, 1e-12))
    assert counts.edited == edited  # of two passes in each of three steps


def test_changes_nothing_at_radius_zero():
    model = Quadratic()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    reg = SAM(0.0, False, "data", 1e-12)
    assert reg.prepare_model(model) is model
    assert reg.prepare_optimizer(optimizer) is optimizer


def test_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"^rho must be at least 0, got -0.1$"):
        SAM(-0.1, False, "data", 1e-12)
    with pytest.raises(ValueError, match=r"^eps must be greater than 0, got 0.0$"):
        SAM(0.1, False, "data", 0.0)
    reg, model = SAM(0.1, False, "data", 1e-12), Quadratic()
    reg.prepare_model(model)
    with pytest.raises(ValueError, match=r"^a step of SAM must be given the closure"):
        reg.prepare_optimizer(torch.optim.SGD(model.parameters(), lr=0.1)).step()
