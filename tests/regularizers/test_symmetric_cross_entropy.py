"""Symmetric cross-entropy: both directions by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.symmetric_cross_entropy import SymmetricCrossEntropy
from regbench.types import Batch, ForwardPass


def forward(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> ForwardPass:
    return ForwardPass(nn.Identity(), Batch(torch.zeros(len(logits), 1), targets), logits, (), class_weights)


THREE_TO_ONE = torch.tensor([[math.log(3), 0.0]])


def test_of_a_label_the_reverse_is_what_its_probability_lacks_of_one_times_the_logarithm_of_zero():
    given = forward(THREE_TO_ONE, torch.tensor([[1.0, 0.0]]))
    assert SymmetricCrossEntropy(0.1, 2.0, -4.0).penalty(given).item() == pytest.approx(2 * 4 * 0.25)


def test_the_data_loss_counts_alpha_times():
    member = SymmetricCrossEntropy(0.1, 1.0, -4.0)
    assert member.transform_loss(torch.tensor(3.0)).item() == pytest.approx(0.3)


def test_of_soft_targets_it_is_the_cross_entropy_of_the_target_under_the_prediction():
    targets = torch.tensor([[0.8, 0.2]])
    value = SymmetricCrossEntropy(1.0, 1.0, -4.0).penalty(forward(THREE_TO_ONE, targets)).item()
    assert value == pytest.approx(-0.75 * math.log(0.8) - 0.25 * math.log(0.2))
    # a target below e^-1 counts as that
    value = SymmetricCrossEntropy(1.0, 1.0, -1.0).penalty(forward(THREE_TO_ONE, targets)).item()
    assert value == pytest.approx(-0.75 * math.log(0.8) + 0.25)


def test_a_row_counts_with_the_weight_of_its_target_and_a_batch_is_the_mean():
    logits = torch.cat([THREE_TO_ONE, torch.zeros(1, 2)])
    given = forward(logits, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([3.0, 0.5]))
    value = SymmetricCrossEntropy(1.0, 1.0, -4.0).penalty(given).item()
    assert value == pytest.approx((3 * 4 * 0.25 + 0.5 * 4 * 0.5) / 2)


def test_with_the_cross_entropy_it_is_the_published_formula():
    """alpha * CE + beta * RCE with one-hot rows clamped at e^log_zero, as the paper's code clamps them."""
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(16, 6, generator=draws, dtype=torch.float64)
    labels = torch.randint(6, (16,), generator=draws)
    targets = F.one_hot(labels, 6).double()
    member = SymmetricCrossEntropy(0.3, 2.0, -6.0)
    found = member.transform_loss(F.cross_entropy(logits, labels)) + member.penalty(forward(logits, targets))
    reverse = torch.stack(
        [-(z.softmax(0) @ t.clamp(min=math.exp(-6)).log()) for z, t in zip(logits, targets, strict=True)]
    )
    assert found.item() == pytest.approx((0.3 * F.cross_entropy(logits, labels) + 2 * reverse.mean()).item())


def test_the_gradient_is_finite_and_by_hand_for_targets_of_zero():
    logits = THREE_TO_ONE.clone().requires_grad_()
    SymmetricCrossEntropy(1.0, 1.0, -4.0).penalty(forward(logits, torch.tensor([[1.0, 0.0]]))).backward()
    assert logits.grad[0].tolist() == pytest.approx([-4 * 0.75 * 0.25, 4 * 0.75 * 0.25])


def test_does_nothing_without_beta_whatever_alpha_is():
    member, loss = SymmetricCrossEntropy(0.1, 0.0, -4.0), torch.tensor(3.0)
    assert member.transform_loss(loss) is loss
    assert member.penalty(forward(THREE_TO_ONE, torch.tensor([[1.0, 0.0]]))) is None


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match=r"^alpha must be at least 0, got -1$"):
        SymmetricCrossEntropy(-1, 1.0, -4.0)
    with pytest.raises(ValueError, match=r"^beta must be at least 0, got -1$"):
        SymmetricCrossEntropy(1.0, -1, -4.0)
    with pytest.raises(ValueError, match=r"^log_zero must be below 0, got 0$"):
        SymmetricCrossEntropy(1.0, 1.0, 0)
