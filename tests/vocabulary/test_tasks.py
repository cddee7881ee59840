"""What is predicted: the rules of each task, by hand."""

from __future__ import annotations

import pytest
import torch

from regbench.tasks import Classification, Regression, require_classes
from regbench.types import Split

KINDS = Classification(3)
PRICES = Regression((10.0, 0.0), (2.0, 5.0), ("price", "age"), "EUR")


def test_labels_of_classes_become_one_hot_rows_and_numbers_stay_numbers() -> None:
    assert KINDS.targets_of(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    numbers = torch.tensor([[0.5, -1.0]])
    assert PRICES.targets_of(numbers).equal(numbers)
    assert (KINDS.outputs, PRICES.outputs) == (3, 2)


def test_numbers_are_standardized_and_put_back_into_their_unit() -> None:
    values = torch.tensor([[12.0, -5.0], [10.0, 10.0]], dtype=torch.float64)
    labels = PRICES.standardized(values)
    assert labels.dtype == torch.float32
    assert labels.tolist() == [[1.0, -1.0], [0.0, 2.0]]
    assert PRICES.in_units(labels).tolist() == values.tolist()
    with pytest.raises(ValueError, match=r"^targets must lie nearer to those of train, got 1e\+60$"):
        PRICES.standardized(torch.tensor([[1e60, 0.0]], dtype=torch.float64))


@pytest.mark.parametrize("row", [[0.5, 0.5, 0.1], [1.5, -0.5, 0.0], [0.0, 0.0, 0.0]])
def test_targets_of_classes_must_be_distributions(row: list[float]) -> None:
    KINDS.require_targets(torch.tensor([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0]]))
    with pytest.raises(ValueError, match=r"^each row of targets must be a distribution over the classes$"):
        KINDS.require_targets(torch.tensor([[0.0, 1.0, 0.0], row]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_targets_that_are_numbers_must_be_finite(value: float) -> None:
    PRICES.require_targets(torch.tensor([[-7.0, 3e5]]))
    with pytest.raises(ValueError, match=r"^targets must be finite numbers$"):
        PRICES.require_targets(torch.tensor([[0.0, value]]))


def test_what_speaks_of_classes_refuses_numbers() -> None:
    require_classes(Split(torch.zeros(1, 1), torch.tensor([0]), 3).task)
    with pytest.raises(ValueError, match=r"^needs classes, got numbers to predict$"):
        require_classes(Split(torch.zeros(1, 1), torch.zeros(1, 2), 2, numbers=PRICES).task)


def test_the_audit_says_what_mixing_does_to_targets() -> None:
    name, unit, spread = KINDS.spread
    assert (name, unit) == ("target entropy", " nats")
    assert spread(torch.tensor([[0.5, 0.5, 0.0]])) == pytest.approx(0.6931472)
    name, unit, spread = PRICES.spread
    assert (name, unit) == ("standard deviation of the targets", "")
    assert spread(torch.tensor([[1.0, 0.0], [-1.0, 4.0]])) == pytest.approx((1 + 2) / 2)


@pytest.mark.parametrize("classes", [2, 10, 15, 16, 100])
def test_the_loss_is_the_cross_entropy_whatever_the_number_of_classes(classes: int) -> None:
    """By torch's own function, in single precision; hard rows and mixed ones, and its gradient."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(7, classes, generator=generator).mul_(20).requires_grad_()
    targets = torch.eye(classes)[torch.arange(7) % classes]
    for rows in (targets, targets.lerp(targets.roll(1, 0), 0.3)):
        losses = [
            Classification(classes).loss(outputs, rows),
            torch.nn.functional.cross_entropy(outputs, rows),
        ]
        torch.testing.assert_close(*losses)
        torch.testing.assert_close(*(torch.autograd.grad(loss, outputs)[0] for loss in losses))
