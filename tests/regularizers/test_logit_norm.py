"""LogitNorm, by hand, its invariance and its bound."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.logit_norm import LogitNorm
from regbench.types import Batch, ForwardPass


def forward(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> ForwardPass:
    return ForwardPass(nn.Identity(), Batch(torch.zeros(len(logits), 1), targets), logits, (), class_weights)


LOGITS = torch.tensor([[3.0, -4.0]], dtype=torch.float64)  # of length 5
FIRST = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
ONE = math.log1p(math.exp(-2.8))  # of (0.6, -0.8) / 0.5: a difference of 2.8
PLAIN = math.log1p(math.exp(-7))


def test_is_the_cross_entropy_of_logits_of_length_one_over_the_temperature():
    assert LogitNorm(1.0, 0.5).data_loss(forward(LOGITS, FIRST)).item() == pytest.approx(ONE, rel=1e-6)


def test_a_share_of_it_mixes_with_the_plain_loss():
    value = LogitNorm(0.25, 0.5).data_loss(forward(LOGITS, FIRST)).item()
    assert value == pytest.approx(0.75 * PLAIN + 0.25 * ONE, rel=1e-6)


def test_soft_targets_and_weights_of_classes_are_those_of_the_cross_entropy():
    targets, weights = torch.tensor([[0.3, 0.7]]).double(), torch.tensor([2.0, 0.5]).double()
    other = math.log1p(math.exp(2.8))
    for share, rest in ((1.0, 0.0), (0.5, 0.5)):
        value = LogitNorm(share, 0.5).data_loss(forward(LOGITS, targets, weights)).item()
        normalized = 2 * 0.3 * ONE + 0.5 * 0.7 * other
        plain = 2 * 0.3 * PLAIN + 0.5 * 0.7 * (7 + PLAIN)
        assert value == pytest.approx(share * normalized + rest * plain, rel=1e-6)


def test_longer_logits_cost_the_same_and_no_gradient_goes_along_them():
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 7, generator=draws, dtype=torch.float64)
    targets = F.one_hot(torch.arange(16) % 7, 7).double()
    one, other = (LogitNorm(1.0, 0.04).data_loss(forward(c * logits, targets)).item() for c in (1.0, 50.0))
    assert one == pytest.approx(other, rel=1e-5)
    given = logits.clone().requires_grad_()
    LogitNorm(1.0, 0.04).data_loss(forward(given, targets)).backward()
    along = (given.grad * logits).sum(1)
    assert along.abs().max() < 1e-6 * given.grad.norm() * logits.norm()


def test_no_logits_come_below_the_bound_and_the_best_reach_it():
    """At best z is the label less its mean over classes, in length 1 / temperature."""
    classes, temperature = 10, 0.5
    best = torch.full((1, classes), -1 / classes, dtype=torch.float64)
    best[0, 3] += 1
    target = F.one_hot(torch.tensor([3]), classes).double()
    gap = math.sqrt(classes / (classes - 1)) / temperature  # between the label's logit and any other
    bound = math.log1p((classes - 1) * math.exp(-gap))
    member = LogitNorm(1.0, temperature)
    assert member.data_loss(forward(100 * best, target)).item() == pytest.approx(bound, rel=1e-6)
    draws = torch.Generator().manual_seed(0)
    for _ in range(50):
        near = best + 0.1 * torch.randn(1, classes, generator=draws, dtype=torch.float64)
        assert member.data_loss(forward(100 * near, target)).item() > bound


def test_logits_of_no_length_have_a_finite_gradient():
    logits = torch.zeros(1, 3, requires_grad=True)
    LogitNorm(1.0, 0.04).data_loss(forward(logits, torch.tensor([[1.0, 0.0, 0.0]]))).backward()
    assert logits.grad.isfinite().all()


def test_replaces_nothing_without_a_share():
    assert LogitNorm(0.0, 0.04).data_loss(forward(LOGITS, FIRST)) is None


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match=r"^share must lie in \[0, 1\], got 1.5$"):
        LogitNorm(1.5, 0.04)
    with pytest.raises(ValueError, match=r"^temperature must be above 0, got 0$"):
        LogitNorm(1.0, 0)
