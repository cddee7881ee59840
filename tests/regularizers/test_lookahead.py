"""Lookahead: a descent by hand, and its two limits."""

import pytest
import torch
from torch import nn

from regbench.regularizers.l2 import L2
from regbench.regularizers.lookahead import Lookahead
from regbench.regularizers.sam import SAM


def descent(reg, steps, optimizer=None):
    """The weight w after each step down w^2 / 2 from w = 8 at a learning rate of 0.5: w halves in each."""
    weight = nn.Parameter(torch.tensor(8.0, dtype=torch.float64))
    wrapped = reg.prepare_optimizer(optimizer([weight]) if optimizer else torch.optim.SGD([weight], lr=0.5))
    return [stepped(weight, wrapped) for _ in range(steps)]


def stepped(weight, optimizer):
    def closure(probe=False):
        optimizer.zero_grad()
        loss = weight.square() / 2
        loss.backward()
        return loss.detach()

    optimizer.step(closure)
    return weight.item()


def test_goes_a_share_of_the_way_after_every_kth_step():
    # 8, 4, 2: 8 + (2 - 8) / 4 = 6.5; 3.25, 1.625: 6.5 + (1.625 - 6.5) / 4 = 5.28125
    assert descent(Lookahead(0.25, 2), 5) == [4.0, 6.5, 3.25, 5.28125, 2.640625]


def test_with_one_step_it_is_a_shorter_step():
    assert descent(Lookahead(0.5, 1), 3) == pytest.approx([8 * 0.75**n for n in (1, 2, 3)])


def momentum(weights):
    return torch.optim.SGD(weights, lr=0.1, momentum=0.9)


def test_the_momentum_inside_goes_on():
    # velocity 8, then 0.9 * 8 + w with w the slow weight 8 - 0.5 * 0.8 = 7.6
    assert descent(Lookahead(0.5, 1), 2, momentum) == pytest.approx([7.6, 7.6 - 0.5 * 0.1 * (7.2 + 7.6)])


def test_at_alpha_one_it_is_the_optimizer_itself():
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    reg = Lookahead(1.0, 3)
    assert reg.prepare_optimizer(optimizer) is optimizer
    assert reg.note() == ""


@pytest.mark.parametrize("other", [SAM(0.1, False, "objective", 1e-12), L2(0.1, "decoupled", "weights")])
def test_stands_inside_or_around_another_wrapper_alike(other):
    def trained(*members):
        torch.manual_seed(0)
        model = nn.Linear(3, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for member in members:
            member.prepare_model(model)
        for member in members:
            optimizer = member.prepare_optimizer(optimizer)

        def closure(probe=False):
            optimizer.zero_grad()
            loss = model(torch.ones(4, 3)).square().mean()
            loss.backward()
            return loss.detach()

        for _ in range(7):
            optimizer.step(closure)
        return model.weight.detach()

    one, two = trained(Lookahead(0.5, 3), other), trained(other, Lookahead(0.5, 3))
    assert torch.equal(one, two)
    assert not torch.equal(one, trained(other))


def test_goes_on_from_its_state_in_the_middle_of_k_steps():
    whole = descent(Lookahead(0.25, 3), 7)
    weight, first, second = (
        nn.Parameter(torch.tensor(8.0, dtype=torch.float64)),
        *(Lookahead(0.25, 3) for _ in range(2)),
    )
    optimizer = first.prepare_optimizer(torch.optim.SGD([weight], lr=0.5))
    values = [stepped(weight, optimizer) for _ in range(4)]
    kept, state = weight.item(), first.state_dict()
    second.load_state_dict(state)
    for _ in range(5):  # what the first does next is none of the second's business
        stepped(weight, optimizer)
    weight.data.fill_(kept)
    optimizer = second.prepare_optimizer(torch.optim.SGD([weight], lr=0.5))
    assert values + [stepped(weight, optimizer) for _ in range(3)] == whole
    assert second.note() == "goes 0.25 of the way once in 3 steps"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.0, 5), r"^alpha must lie in \(0, 1\], got 0.0$"),
        ((1.5, 5), r"^alpha must lie in \(0, 1\], got 1.5$"),
        ((0.5, 0), r"^k must be at least 1, got 0$"),
    ],
)
def test_refuses_what_is_out_of_range(values, said):
    with pytest.raises(ValueError, match=said):
        Lookahead(*values)
