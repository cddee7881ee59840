"""Focal loss, by hand and against a formula of probabilities."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.focal import Focal
from regbench.types import Batch, ForwardPass


def forward(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> ForwardPass:
    return ForwardPass(nn.Identity(), Batch(torch.zeros(len(logits), 1), targets), logits, (), class_weights)


def random_rows(rows: int = 64, classes: int = 5) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(rows, classes, generator=draws, dtype=torch.float64)
    labels = torch.randint(classes, (rows,), generator=draws)
    return logits, F.one_hot(labels, classes).double()


THREE_TO_ONE = torch.tensor([[math.log(3), 0.0]])


def test_three_to_one_counts_a_sixteenth_at_gamma_two_and_nine_sixteenths_where_it_errs():
    right = Focal(2.0).data_loss(forward(THREE_TO_ONE, torch.tensor([[1.0, 0.0]])))
    wrong = Focal(2.0).data_loss(forward(THREE_TO_ONE, torch.tensor([[0.0, 1.0]])))
    assert right.item() == pytest.approx(-math.log(0.75) / 16)
    assert wrong.item() == pytest.approx(-math.log(0.25) * 9 / 16)


def test_of_soft_targets_it_is_the_sum_over_classes_and_of_a_batch_the_mean():
    logits = torch.cat([THREE_TO_ONE, torch.zeros(1, 2)])
    targets = torch.tensor([[0.2, 0.8], [1.0, 0.0]])
    first = -0.2 * 0.25 * math.log(0.75) - 0.8 * 0.75 * math.log(0.25)
    value = Focal(1.0).data_loss(forward(logits, targets))
    assert value.item() == pytest.approx((first + 0.5 * math.log(2)) / 2)


def test_classes_weigh_as_in_the_cross_entropy():
    value = Focal(2.0).data_loss(forward(THREE_TO_ONE, torch.tensor([[0.5, 0.5]]), torch.tensor([2.0, 0.5])))
    expected = -2 * 0.5 * math.log(0.75) / 16 - 0.5 * 0.5 * math.log(0.25) * 9 / 16
    assert value.item() == pytest.approx(expected)


def test_goes_to_the_cross_entropy_as_gamma_goes_to_zero_and_leaves_it_alone_there():
    logits, targets = random_rows()
    near = Focal(1e-9).data_loss(forward(logits, targets))
    assert near.item() == pytest.approx(F.cross_entropy(logits, targets).item(), rel=1e-7)
    assert Focal(0.0).data_loss(forward(logits, targets)) is None


def test_is_that_of_an_independent_formula_with_its_gradient():
    """(1 - p)^gamma times F.nll_loss row by row, differentiated by differences."""
    logits, targets = random_rows(8)
    given = logits.clone().requires_grad_()
    Focal(3.0).data_loss(forward(given, targets)).backward()

    def by_probabilities(z: Tensor) -> float:
        p = (z.exp() / z.exp().sum(1, keepdim=True))[targets.bool()]
        return (-((1 - p) ** 3) * p.log()).mean().item()

    for place in ((0, 0), (3, 2), (7, 4)):
        step = torch.zeros_like(logits)
        step[place] = 1e-6
        slope = (by_probabilities(logits + step) - by_probabilities(logits - step)) / 2e-6
        assert given.grad[place].item() == pytest.approx(slope, abs=1e-8)


def test_lies_above_the_cross_entropy_less_gamma_entropies():
    """Mukhoti et al., 2020, section 4: for hard labels and gamma of 1 or more."""
    logits, targets = random_rows()
    p = logits.softmax(1)
    entropy = -(p * p.log()).sum(1).mean()
    for gamma in (1.0, 2.0, 5.0):
        value = Focal(gamma).data_loss(forward(logits, targets))
        assert F.cross_entropy(logits, targets) - gamma * entropy <= value <= F.cross_entropy(logits, targets)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_a_class_that_is_certain_has_a_finite_gradient(gamma: float):
    for targets in ([[1.0, 0.0]], [[0.0, 1.0]]):
        logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
        Focal(gamma).data_loss(forward(logits, torch.tensor(targets))).backward()
        assert logits.grad.isfinite().all()


def test_refuses_a_negative_gamma():
    with pytest.raises(ValueError, match=r"^gamma must be at least 0, got -1$"):
        Focal(-1)
