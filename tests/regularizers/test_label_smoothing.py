import math
from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.regularizers.label_smoothing import LabelSmoothing
from regbench.types import Batch, Split

Form = Literal["review", "uniform"]


def smoothed(targets: Tensor, epsilon: float, form: Form) -> Tensor:
    member = LabelSmoothing(epsilon=epsilon, form=form)
    return member.transform_batch(Batch(torch.zeros(len(targets), 1), targets)).targets


def one_hot(labels: list[int], num_classes: int) -> Tensor:
    return F.one_hot(torch.tensor(labels), num_classes).double()


def train_split(num_classes: int) -> Split:
    return Split(torch.zeros(2, 1), torch.tensor([0, 1]), num_classes)


def test_label_becomes_the_numbers_of_its_form():
    # epsilon 0.2 and 5 classes: 0.2 / 4 = 0.05 each; 0.2 / 5 = 0.04 each and 0.84
    review = torch.tensor([[0.05, 0.8, 0.05, 0.05, 0.05]], dtype=torch.float64)
    uniform = torch.tensor([[0.04, 0.84, 0.04, 0.04, 0.04]], dtype=torch.float64)
    torch.testing.assert_close(smoothed(one_hot([1], 5), 0.2, "review"), review)
    torch.testing.assert_close(smoothed(one_hot([1], 5), 0.2, "uniform"), uniform)


def test_soft_rows_follow_the_same_formula():
    # review at epsilon 0.3 on (0.5, 0.3, 0.2): 0.7 t + 0.15 (1 - t)
    row = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    expected = torch.tensor([[0.425, 0.315, 0.26]], dtype=torch.float64)
    torch.testing.assert_close(smoothed(row, 0.3, "review"), expected)


@pytest.mark.parametrize(("form", "ours"), [("uniform", 0.12), ("review", 0.12 * 9 / 10)])
def test_loss_is_torchs_at_the_equivalent_epsilon(form: Form, ours: float):
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 10).double(), [0, 9, 3, 3, 5, 1]
    theirs = F.cross_entropy(logits, torch.tensor(labels), label_smoothing=0.12)
    torch.testing.assert_close(F.cross_entropy(logits, smoothed(one_hot(labels, 10), ours, form)), theirs)


@pytest.mark.parametrize("form", ["review", "uniform"])
def test_rows_keep_their_sum_and_their_largest_class(form: Form):
    torch.manual_seed(0)
    targets = torch.rand(50, 4).softmax(1)
    after = smoothed(targets, 0.7, form)
    torch.testing.assert_close(after.sum(1), torch.ones(50))
    assert torch.equal(after.argmax(1), targets.argmax(1))


@pytest.mark.parametrize(("form", "floor"), [("review", 0.5448), ("uniform", 0.5003)])
def test_lowest_loss_is_the_entropy_of_the_target(form: Form, floor: float):
    targets = smoothed(one_hot([4], 10), 0.1, form)
    assert F.cross_entropy(targets.log(), targets).item() == pytest.approx(floor, abs=5e-5)


def test_best_gap_between_logits_is_finite():
    # the softmax matches the target where the gap is log((1 - epsilon) (C - 1) / epsilon) = log 81
    targets = smoothed(one_hot([0], 10), 0.1, "review")
    assert math.log(targets[0, 0] / targets[0, 1]) == pytest.approx(4.394449, abs=1e-5)
    gap = torch.tensor(math.log(81.0), dtype=torch.float64, requires_grad=True)
    F.cross_entropy(torch.cat([gap.view(1), torch.zeros(9).double()])[None], targets).backward()
    assert abs(gap.grad.item()) < 1e-6


@pytest.mark.parametrize("form", ["review", "uniform"])
def test_smoothing_a_mixture_is_mixing_the_smoothed(form: Form):
    one, two = one_hot([0, 1], 4), one_hot([2, 1], 4)
    mixed_first = smoothed(0.3 * one + 0.7 * two, 0.25, form)
    mixed_last = 0.3 * smoothed(one, 0.25, form) + 0.7 * smoothed(two, 0.25, form)
    torch.testing.assert_close(mixed_first, mixed_last)


def test_inputs_and_the_given_batch_stay_as_they_are():
    batch = Batch(torch.randn(3, 2), one_hot([0, 1, 2], 3))
    after = LabelSmoothing(epsilon=0.1, form="review").transform_batch(batch)
    assert after.inputs is batch.inputs
    assert torch.equal(batch.targets, one_hot([0, 1, 2], 3))


def test_epsilon_zero_returns_the_batch_itself():
    batch = Batch(torch.zeros(1, 1), one_hot([0], 1))
    assert LabelSmoothing(epsilon=0.0, form="review").transform_batch(batch) is batch


@pytest.mark.parametrize(("form", "equivalent"), [("review", "0.125"), ("uniform", "0.1")])
def test_note_names_the_equivalent_epsilon_of_torch(form: Form, equivalent: str):
    member = LabelSmoothing(epsilon=0.1, form=form)
    assert member.note() == ""
    member.check_data(train_split(5))  # 0.1 * 5 / 4
    assert member.note() == f"the same as label_smoothing={equivalent} in torch"


@pytest.mark.parametrize("epsilon", [-0.1, 1.0])
def test_refuses_an_epsilon_outside_its_range(epsilon: float):
    with pytest.raises(ValueError, match=rf"^epsilon must lie in \[0, 1\), got {epsilon}$"):
        LabelSmoothing(epsilon=epsilon, form="uniform")


def test_review_form_refuses_what_leaves_the_true_class_no_lead():
    message = r"^epsilon must be below 0\.5 with 2 classes in the review form, got 0\.5$"
    with pytest.raises(ValueError, match=message):
        LabelSmoothing(epsilon=0.5, form="review").check_data(train_split(2))
    with pytest.raises(ValueError, match=message):
        smoothed(one_hot([0], 2), 0.5, "review")
    assert smoothed(one_hot([0], 2), 0.5, "uniform").tolist() == [[0.75, 0.25]]
