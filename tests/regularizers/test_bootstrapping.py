"""Bootstrapping: the cross-entropy with targets that are mixed by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.bootstrapping import Bootstrapping
from regbench.types import Batch, ForwardPass


def forward(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> ForwardPass:
    return ForwardPass(nn.Identity(), Batch(torch.zeros(len(logits), 1), targets), logits, (), class_weights)


def random_rows() -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(32, 5, generator=draws, dtype=torch.float64)
    return logits, F.one_hot(torch.randint(5, (32,), generator=draws), 5).double()


THREE_TO_ONE = torch.tensor([[math.log(3), 0.0]])
SECOND = torch.tensor([[0.0, 1.0]])


def test_the_models_own_belief_is_worth_its_entropy_or_its_surprise_at_the_likeliest_class():
    soft = Bootstrapping(0.2, "soft").penalty(forward(THREE_TO_ONE, SECOND)).item()
    assert soft == pytest.approx(0.2 * (-0.75 * math.log(0.75) - 0.25 * math.log(0.25)))
    hard = Bootstrapping(0.2, "hard").penalty(forward(THREE_TO_ONE, SECOND)).item()
    assert hard == pytest.approx(-0.2 * math.log(0.75))


def test_what_is_left_of_the_data_loss_is_one_less_the_share():
    assert Bootstrapping(0.2, "hard").transform_loss(torch.tensor(5.0)).item() == pytest.approx(4.0)


@pytest.mark.parametrize("form", ["soft", "hard"])
@pytest.mark.parametrize("weights", [None, torch.tensor([2.0, 0.5, 1.0, 0.25, 1.25]).double()])
def test_with_the_cross_entropy_it_is_that_with_mixed_targets(form: str, weights: Tensor | None):
    logits, targets = random_rows()
    member = Bootstrapping(0.3, form)
    found = member.transform_loss(F.cross_entropy(logits, targets, weights))
    found = found + member.penalty(forward(logits, targets, weights))
    belief = logits.softmax(1) if form == "soft" else F.one_hot(logits.argmax(1), 5).double()
    expected = F.cross_entropy(logits, 0.7 * targets + 0.3 * belief, weights)
    assert found.item() == pytest.approx(expected.item())


def test_the_gradient_goes_through_a_soft_belief_and_takes_a_hard_one_for_a_constant():
    logits, targets = random_rows()
    p = logits.softmax(1)
    entropy = -(p * p.log()).sum(1, keepdim=True)
    expected = {
        "soft": -p * (p.log() + entropy),  # of the entropy
        "hard": p - F.one_hot(logits.argmax(1), 5),
    }
    for form, gradient in expected.items():
        given = logits.clone().requires_grad_()
        Bootstrapping(0.5, form).penalty(forward(given, targets)).backward()
        torch.testing.assert_close(given.grad, 0.5 * gradient / len(logits))


def test_of_equally_likely_classes_the_first_is_believed_alone():
    given = forward(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([5.0, 1.0, 1.0]))
    assert Bootstrapping(0.5, "hard").penalty(given).item() == pytest.approx(0.5 * 5 * math.log(3))


def test_does_nothing_without_a_share():
    loss = torch.tensor(3.0)
    assert Bootstrapping(0.0, "hard").transform_loss(loss) is loss
    assert Bootstrapping(0.0, "hard").penalty(forward(THREE_TO_ONE, SECOND)) is None


def test_refuses_what_is_out_of_range():
    for share in (-1, 1.0):
        with pytest.raises(ValueError, match=rf"^share must lie in \[0, 1\), got {share}$"):
            Bootstrapping(share, "soft")
