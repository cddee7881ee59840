import math
import runpy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.regularizers.confidence_penalty import ConfidencePenalty, entropy, policy_loss
from regbench.training.loop import StepEnd, fit
from regbench.types import Batch, ForwardPass, Split
from tests.conftest import reg_node, tiny


def make(strength: float = 1.0, **fields: object) -> ConfidencePenalty:
    rest = {"direction": "maximize", "gamma": None, "ramp": 0.0} | fields
    return ConfidencePenalty(strength=strength, **rest)


def forward(logits: Tensor) -> ForwardPass:
    batch = Batch(torch.zeros(len(logits), 1), torch.full_like(logits, 1 / logits.shape[1]))
    return ForwardPass(nn.Identity(), batch, logits, ())


def value(reg: ConfidencePenalty, logits: Tensor) -> float:
    return reg.penalty(forward(logits)).item()


THREE_TO_ONE = torch.tensor([[math.log(3), 0.0]])
H = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)


def test_entropy_of_even_odds_is_the_logarithm_of_the_number_of_classes():
    torch.testing.assert_close(entropy(torch.zeros(3, 4)), torch.full((3,), math.log(4)))


def test_maximizing_subtracts_the_mean_entropy_and_minimizing_adds_it():
    logits = torch.cat([THREE_TO_ONE, torch.zeros(1, 2)])
    mean = (H + math.log(2)) / 2
    assert value(make(0.5), logits) == pytest.approx(-0.5 * mean)
    assert value(make(0.5, direction="minimize"), logits) == pytest.approx(0.5 * mean)


def test_is_the_divergence_from_even_odds_up_to_a_constant():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    even = torch.full((5, 7), 1 / 7, dtype=torch.float64)
    divergence = nn.functional.kl_div(even.log(), logits.softmax(1), reduction="batchmean")
    assert value(make(), logits) == pytest.approx(divergence.item() - math.log(7))


def test_gradient_is_that_of_the_closed_form():
    logits = torch.randn(1, 5, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    make().penalty(forward(logits)).backward()
    p = logits.detach().softmax(1)
    uncertainty = -(p * p.log()).sum()
    torch.testing.assert_close(logits.grad, p * (p.log() + uncertainty))


def test_pulls_even_odds_nowhere():
    logits = torch.zeros(2, 4, requires_grad=True)
    make().penalty(forward(logits)).backward()
    assert logits.grad.abs().max() < 1e-7


def test_saturated_logits_have_no_entropy_and_a_finite_gradient():
    logits = torch.tensor([[1e4, 0.0, -1e4]], requires_grad=True)
    penalty = make().penalty(forward(logits))
    penalty.backward()
    assert penalty.item() == 0
    assert logits.grad.isfinite().all()


def test_hinge_counts_only_what_is_below_gamma():
    logits = torch.cat([THREE_TO_ONE, torch.zeros(1, 2)])  # H of 0.562 and 0.693
    assert value(make(2.0, gamma=0.6), logits) == pytest.approx(2.0 * (0.6 - H) / 2)
    assert value(make(2.0, gamma=0.5), logits) == 0


def test_strength_rises_in_proportion_to_progress_until_the_end_of_the_ramp():
    reg = make(0.5, ramp=0.4)
    values = []
    for progress in (0.0, 0.1, 0.4, 0.9):
        reg.begin_step(progress)
        values.append(value(reg, torch.zeros(1, 2)))
    assert values == pytest.approx([-0.5 * share * math.log(2) for share in (0.0, 0.25, 1.0, 1.0)])


def test_a_ramp_over_one_epoch_ends_at_the_full_strength():
    run = build_run(tiny(reg={"confidence_penalty": reg_node("confidence_penalty", ramp=1.0)}, epochs=1))
    (member,) = run.reg.members.values()
    shares = [member._share for event in fit(run) if isinstance(event, StepEnd)]
    assert shares == [0, 0.5, 1]  # 97 rows in batches of 32, 32 and 33


def test_is_full_from_the_start_without_a_ramp():
    reg = make(0.5)
    reg.begin_step(0.0)
    assert value(reg, torch.zeros(1, 2)) == pytest.approx(-0.5 * math.log(2))


def descended(loss_of: object, logits: Tensor, steps: int = 500, lr: float = 2.0) -> Tensor:
    logits.requires_grad_()
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(loss_of(logits), logits)
        with torch.no_grad():
            logits -= lr * gradient
    return logits.detach().softmax(-1)


def test_one_label_is_learned_only_as_far_as_the_fixed_point():
    # 1 - p = strength * p * (H + log p) with the rest shared evenly; 0.849 at 0.3 with ten classes
    reg, label = make(0.3), torch.tensor([0])

    def loss_of(logits: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, label) + reg.penalty(forward(logits))

    p = descended(loss_of, torch.zeros(1, 10, dtype=torch.float64))[0]
    assert p[0].item() == pytest.approx(0.849, abs=5e-4)
    rest = (1 - p[0]) / 9
    uncertainty = -(p[0] * p[0].log() + 9 * rest * rest.log())
    assert (1 - p[0]).item() == pytest.approx((0.3 * p[0] * (uncertainty + p[0].log())).item(), rel=1e-6)


def test_minimizing_drives_the_entropy_out():
    logits = torch.randn(1, 4, generator=torch.Generator().manual_seed(0)).double()
    surer = descended(lambda z: make(direction="minimize").penalty(forward(z)), logits, 200)
    assert surer.max() > 0.99


def test_policy_loss_is_what_the_formula_gives_by_hand():
    loss = policy_loss(THREE_TO_ONE.expand(2, -1), torch.tensor([0, 1]), torch.tensor([2.0, -1.0]), 0.5)
    expected = -(2 * math.log(0.75) - math.log(0.25)) / 2 - 0.5 * H
    assert loss.item() == pytest.approx(expected)


def test_policy_loss_sends_no_gradient_into_the_advantages():
    advantages = torch.ones(1, requires_grad=True)
    policy_loss(torch.zeros(1, 2, requires_grad=True), torch.tensor([0]), advantages, 0.0).backward()
    assert advantages.grad is None


BANDIT = Path(__file__).parents[2] / "scripts" / "bandit"


def test_bandit_converges_to_the_softmax_of_its_rewards_over_the_strength():
    learned_policy = runpy.run_path(str(BANDIT))["learned_policy"]
    rewards = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    policy = learned_policy(rewards, strength=0.5, steps=400)
    weights = [math.exp(2.0), math.exp(1.0), 1.0]
    expected = torch.tensor([w / sum(weights) for w in weights], dtype=torch.float64)
    torch.testing.assert_close(policy, expected, rtol=0, atol=2e-5)


def test_strength_zero_adds_nothing():
    assert make(0.0).penalty(forward(torch.zeros(1, 2))) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strength": -1.0}, "strength must be at least 0, got -1.0"),
        ({"ramp": 1.5}, r"ramp must lie in \[0, 1\], got 1.5"),
        ({"gamma": -0.5}, "gamma must be at least 0, got -0.5"),
        ({"gamma": 0.5, "direction": "minimize"}, "direction must be maximize where gamma is given, got min"),
    ],
)
def test_refuses_what_is_out_of_range(fields: dict[str, object], message: str):
    with pytest.raises(ValueError, match=f"^{message}"):
        make(**fields)


def test_refuses_a_gamma_that_no_prediction_can_reach():
    split = Split(torch.zeros(2, 1), torch.tensor([0, 1]), 2)
    make(gamma=0.69).check_data(split)
    with pytest.raises(ValueError, match=r"^gamma must be at most 0\.6931 with 2 classes, got 0\.7$"):
        make(gamma=0.7).check_data(split)


def test_policy_loss_refuses_a_negative_strength():
    with pytest.raises(ValueError, match=r"^strength must be at least 0, got -1$"):
        policy_loss(torch.zeros(1, 2), torch.tensor([0]), torch.ones(1), -1)
