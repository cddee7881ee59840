"""Generalized cross-entropy: by hand, its two ends and its gradient."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.generalized_cross_entropy import GeneralizedCrossEntropy
from regbench.types import Batch, ForwardPass


def forward(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> ForwardPass:
    return ForwardPass(nn.Identity(), Batch(torch.zeros(len(logits), 1), targets), logits, (), class_weights)


def random_rows() -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(32, 5, generator=draws, dtype=torch.float64)
    return logits, F.one_hot(torch.randint(5, (32,), generator=draws), 5).double()


# p of 9/25 and 16/25, whose roots are 3/5 and 4/5
LOGITS = torch.tensor([[math.log(9), math.log(16)]], dtype=torch.float64)


def test_of_a_label_it_is_what_a_power_of_its_probability_lacks_of_one():
    value = GeneralizedCrossEntropy(0.5).data_loss(forward(LOGITS, torch.tensor([[1.0, 0.0]])))
    assert value.item() == pytest.approx((1 - 0.6) / 0.5)


def test_of_soft_targets_it_is_the_sum_over_classes_weighed_and_of_a_batch_the_mean():
    logits = torch.cat([LOGITS, torch.zeros(1, 2, dtype=torch.float64)])
    targets = torch.tensor([[0.25, 0.75], [0.0, 1.0]])
    weights = torch.tensor([2.0, 0.5])
    value = GeneralizedCrossEntropy(0.5).data_loss(forward(logits, targets, weights))
    first = 2 * 0.25 * 0.8 + 0.5 * 0.75 * 0.4
    second = 0.5 * 2 * (1 - math.sqrt(0.5))
    assert value.item() == pytest.approx((first + second) / 2)


def test_ends_at_the_cross_entropy_and_at_half_the_absolute_error():
    logits, targets = random_rows()
    near = GeneralizedCrossEntropy(1e-9).data_loss(forward(logits, targets))
    assert near.item() == pytest.approx(F.cross_entropy(logits, targets).item(), rel=1e-7)
    assert GeneralizedCrossEntropy(0.0).data_loss(forward(logits, targets)) is None
    far = GeneralizedCrossEntropy(1.0).data_loss(forward(logits, targets))
    assert far.item() == pytest.approx((logits.softmax(1) - targets).abs().sum(1).mean().item() / 2)


def test_its_gradient_is_that_of_the_cross_entropy_times_a_power_of_the_probability():
    """Zhang and Sabuncu, section 3.2: each row's gradient is scaled by p_y^q."""
    logits, targets = random_rows()
    given = logits.clone().requires_grad_()
    GeneralizedCrossEntropy(0.7).data_loss(forward(given, targets)).backward()
    p = logits.softmax(1)
    expected = (p - targets) * ((p * targets).sum(1, keepdim=True) ** 0.7) / len(logits)
    torch.testing.assert_close(given.grad, expected)


@pytest.mark.parametrize("q", [0.1, 0.7, 1.0])
def test_a_label_that_is_thought_impossible_costs_one_over_q_and_has_a_finite_gradient(q: float):
    logits = torch.tensor([[-1000.0, 0.0]], requires_grad=True)
    loss = GeneralizedCrossEntropy(q).data_loss(forward(logits, torch.tensor([[1.0, 0.0]])))
    loss.backward()
    assert loss.item() == pytest.approx(1 / q)
    assert logits.grad.isfinite().all()


def test_refuses_what_is_out_of_range():
    for q in (-1, 1.5):
        with pytest.raises(ValueError, match=rf"^q must lie in \[0, 1\], got {q}$"):
            GeneralizedCrossEntropy(q)
