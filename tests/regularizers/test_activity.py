"""The activity penalty, by hand."""

import pytest
import torch
from torch import nn

from regbench.regularizers.activity import Activity
from regbench.sites import Site
from regbench.types import ForwardPass

HIDDEN = [
    torch.tensor([[1.0, -3.0], [0.0, 2.0]]),  # sizes 6 of 4, squares 14
    torch.tensor([[[[2.0]], [[0.0]]], [[[0.0]], [[0.0]]]]),  # a map: 2 of 4, squares 4
]


def penalty(strength, norm, hidden=HIDDEN):
    reg = Activity(strength, norm)
    return reg.penalty(ForwardPass(nn.Identity(), None, None, hidden))


def test_means_of_sizes_and_of_squares_are_summed_over_sites():
    assert penalty(0.5, "l1").item() == 0.5 * (6 / 4 + 2 / 4)
    assert penalty(0.5, "l2").item() == 0.5 * (14 / 4 + 4 / 4)


def test_the_gradients_by_hand():
    h = torch.tensor([[1.0, -3.0, 0.0]], requires_grad=True)
    penalty(3.0, "l1", [h]).backward()
    assert h.grad.tolist() == [[1.0, -1.0, 0.0]]
    h.grad = None
    penalty(3.0, "l2", [h]).backward()
    assert h.grad.tolist() == [[2.0, -6.0, 0.0]]


def test_a_layer_twice_as_wide_costs_the_same():
    wide = [torch.cat([h, h], dim=1) for h in HIDDEN]
    assert penalty(0.5, "l1", wide).item() == penalty(0.5, "l1").item()


def test_low_precision_is_added_up_in_full():
    many = torch.full((1, 5000), 0.1, dtype=torch.bfloat16)
    value = penalty(1.0, "l1", [many])
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(many[0, 0].item())


def test_a_weak_cause_goes_quiet_and_a_strong_one_stays():
    """min (h - a)^2 + strength * |h| over one unit: h = a - strength / 2, and 0 below that."""
    for cause, expected in ((1.0, 0.8), (0.1, 0.0)):
        h = torch.full((1, 1), 0.5, requires_grad=True)
        optimizer = torch.optim.SGD([h], lr=0.01)
        for _ in range(1500):
            optimizer.zero_grad()
            ((h - cause).square().sum() + penalty(0.4, "l1", [h])).backward()
            optimizer.step()
        assert h.item() == pytest.approx(expected, abs=0.01)


def test_refuses_what_it_cannot_do_and_adds_nothing_at_zero():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -1$"):
        Activity(-1, "l1")
    with pytest.raises(ValueError, match=r"^Linear has no 'hidden' site$"):
        Activity(0.1, "l1").prepare_model(nn.Linear(2, 2))
    model = nn.Sequential(Site("hidden", (2,)))
    assert Activity(0.1, "l1").prepare_model(model) is model
    assert penalty(0.0, "l1") is None
