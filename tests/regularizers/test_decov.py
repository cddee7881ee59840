"""DeCov: by hand, beside numpy's covariance, and its gradient in closed form."""

import numpy as np
import pytest
import torch
from torch import nn

from regbench.regularizers.decov import DeCov
from regbench.sites import Site
from regbench.types import ForwardPass


def penalty(*hidden, strength=1.0):
    return DeCov(strength).penalty(ForwardPass(nn.Identity(), None, None, hidden))


def test_two_units_by_hand():
    h = torch.tensor([[1.0, 2.0], [3.0, 8.0]])  # deviations -1, 1 and -3, 3: covariance 3
    assert penalty(h, strength=0.5).item() == 0.5 * 9  # each pair once
    assert penalty(h, h, strength=0.5).item() == 9


def test_agrees_with_the_covariance_of_numpy():
    rows = torch.randn(7, 4, generator=torch.Generator().manual_seed(0)).double()
    covariance = np.cov(rows.numpy().T, bias=True)
    expected = 0.5 * ((covariance**2).sum() - (np.diag(covariance) ** 2).sum())
    assert penalty(rows).item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_in_closed_form():
    """For h_a of row m it is 2 / R * sum over j != a of C_aj * (h_j - mean h_j)."""
    h = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    penalty(h).backward()
    centred = (h - h.mean(0)).detach()
    covariance = centred.T @ centred / 5
    between = covariance - torch.diag(covariance.diagonal())
    torch.testing.assert_close(h.grad, 2 * centred @ between / 5)


def test_units_that_vary_alone_cost_nothing_and_shifts_are_free():
    h = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert penalty(h).item() == 0
    assert penalty(h + torch.tensor([5.0, -3.0])).item() == pytest.approx(0, abs=1e-10)
    assert penalty(h[:1]).item() == 0  # a single row


def test_positions_are_rows_and_maps_are_left_alone():
    rows = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    maps = torch.randn(2, 3, 2, 2)
    assert penalty(maps, rows.view(2, 3, 4)).item() == penalty(rows).item()


def test_refuses_what_it_cannot_do_and_adds_nothing_at_zero():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -1$"):
        DeCov(-1)
    for model in (nn.Linear(2, 2), Site("hidden", (3, 2, 2))):
        with pytest.raises(
            ValueError, match=r"has no 'hidden' site but of maps, whose units are not decorrelated$"
        ):
            DeCov(0.1).prepare_model(model)
    model = nn.Sequential(Site("hidden", (3, 2, 2)), Site("hidden", (2,)))
    assert DeCov(0.1).prepare_model(model) is model
    assert penalty(torch.ones(2, 2), strength=0.0) is None
