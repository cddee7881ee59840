"""Poly-1, by hand and as the series that it is taken from."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.poly_loss import PolyLoss
from regbench.types import Batch, ForwardPass


def forward(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> ForwardPass:
    return ForwardPass(nn.Identity(), Batch(torch.zeros(len(logits), 1), targets), logits, (), class_weights)


THREE_TO_ONE = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
FIRST = torch.tensor([[1.0, 0.0]], dtype=torch.float64)


def test_adds_epsilon_times_what_the_class_lacks_of_one():
    assert PolyLoss(2.0).penalty(forward(THREE_TO_ONE, FIRST)).item() == pytest.approx(2 * 0.25)
    assert PolyLoss(-0.5).penalty(forward(THREE_TO_ONE, FIRST)).item() == pytest.approx(-0.5 * 0.25)


def test_of_soft_targets_it_is_the_sum_over_classes_weighed_and_of_a_batch_the_mean():
    logits = torch.cat([THREE_TO_ONE, torch.zeros(1, 2, dtype=torch.float64)])
    targets = torch.tensor([[0.4, 0.6], [1.0, 0.0]], dtype=torch.float64)
    plain = PolyLoss(1.0).penalty(forward(logits, targets))
    assert plain.item() == pytest.approx((0.4 * 0.25 + 0.6 * 0.75 + 0.5) / 2)
    weighed = PolyLoss(1.0).penalty(forward(logits, targets, torch.tensor([3.0, 0.5])))
    assert weighed.item() == pytest.approx((3 * 0.4 * 0.25 + 0.5 * 0.6 * 0.75 + 3 * 0.5) / 2)


def test_with_the_cross_entropy_it_is_the_series_with_one_weight_changed():
    """-log p = sum over j of (1 - p)^j / j, whose first term has the weight 1 + epsilon."""
    epsilon, rest = 1.5, 0.25
    series = (1 + epsilon) * rest + sum(rest**j / j for j in range(2, 60))
    found = F.cross_entropy(THREE_TO_ONE, FIRST) + PolyLoss(epsilon).penalty(forward(THREE_TO_ONE, FIRST))
    assert found.item() == pytest.approx(series, rel=1e-12)


def test_its_gradient_in_the_logits_is_that_by_hand():
    """d(1 - p)/dz of the class itself is -p (1 - p)."""
    logits = THREE_TO_ONE.clone().requires_grad_()
    PolyLoss(2.0).penalty(forward(logits, FIRST)).backward()
    assert logits.grad[0].tolist() == pytest.approx([-2 * 0.75 * 0.25, 2 * 0.75 * 0.25])


def test_adds_nothing_at_zero():
    assert PolyLoss(0.0).penalty(forward(THREE_TO_ONE, FIRST)) is None


def test_refuses_to_leave_nothing_of_the_first_term():
    with pytest.raises(ValueError, match=r"^epsilon must be above -1, got -1$"):
        PolyLoss(-1)
    PolyLoss(-0.99)
