"""Virtual adversarial training: a linear model, of which the worst directions are known."""

import math

import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.regularizers.virtual_adversarial import VirtualAdversarial, divergence, unit
from regbench.streams import Clock, Stream
from regbench.training.loop import objective
from regbench.types import Batch, ForwardPass, Split
from tests.conftest import reg_node, tiny


def made(strength: float = 1.0, epsilon: float = 0.5, steps: int = 1, xi: float = 1e-3) -> VirtualAdversarial:
    member = VirtualAdversarial(strength, epsilon, steps, xi)
    member.stream = Stream(0, "virtual_adversarial", Clock())
    return member


def linear(weights: list[list[float]]) -> nn.Linear:
    model = nn.Linear(len(weights[0]), len(weights), bias=False)
    model.weight.data = torch.tensor(weights)
    return model


def forward(model: nn.Module, inputs: Tensor) -> ForwardPass:
    logits = model(inputs)
    return ForwardPass(model, Batch(inputs, torch.zeros_like(logits)), logits, ())


def test_of_two_classes_of_a_linear_model_every_row_moves_along_the_difference_of_their_weights():
    """The divergence depends on (w1 - w2)' r alone: here (3, 4), of length 5."""
    member, model = made(), linear([[2.0, 3.0], [-1.0, -1.0]])
    given = forward(model, torch.tensor([[0.1, 0.2], [-0.3, 0.0]]))
    found = member.directions(given)
    along = found @ torch.tensor([0.6, 0.8])
    torch.testing.assert_close(along.abs(), torch.ones(2), atol=1e-3, rtol=0)


def test_the_penalty_is_the_divergence_at_the_moved_inputs_by_hand():
    member, model = made(2.0, 0.5), linear([[3.0], [0.0]])
    given = forward(model, torch.tensor([[0.2]]))
    sign = made().directions(given).item()  # of the same draw
    assert abs(sign) == pytest.approx(1.0)
    p, q = (1 / (1 + math.exp(-3 * x)) for x in (0.2, 0.2 + 0.5 * sign))
    expected = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert member.penalty(given).item() == pytest.approx(2 * expected, rel=1e-4)


def test_its_gradient_takes_the_clean_prediction_and_the_direction_for_constants():
    member, model = made(1.0, 0.5), linear([[3.0], [0.0]])
    given = forward(model, torch.tensor([[0.2]]))
    sign = made().directions(given).item()  # of the same draw
    member.penalty(given).backward()
    moved = 0.2 + 0.5 * sign
    p, q = (1 / (1 + math.exp(-3 * x)) for x in (0.2, moved))
    torch.testing.assert_close(
        model.weight.grad, torch.tensor([[(q - p) * moved], [(p - q) * moved]]), rtol=1e-4, atol=1e-6
    )


def test_more_steps_come_to_the_first_eigenvector_of_the_curvature():
    """Of KL at r = 0 it is W' (diag(p) - p p') W, found here by torch's own decomposition."""
    draws = torch.Generator().manual_seed(0)
    weights, inputs = torch.randn(5, 8, generator=draws), torch.randn(6, 8, generator=draws) / 4
    given = forward(linear(weights.tolist()), inputs)
    found = made(steps=60, xi=0.01).directions(given)
    for row, direction in zip(inputs.double(), found.double(), strict=True):
        w = weights.double()
        p = (w @ row).softmax(0)
        curvature = w.T @ (p.diag() - p[:, None] * p) @ w
        first = torch.linalg.eigh(curvature).eigenvectors[:, -1]
        assert abs(first @ direction).item() > 0.99


def test_rows_have_directions_of_their_own_and_of_length_one():
    draws = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 4))
    inputs = torch.rand(5, 3, 2, 2, generator=draws)
    found = made().directions(forward(model, inputs))
    assert found.shape == inputs.shape
    torch.testing.assert_close(found.flatten(1).norm(dim=1), torch.ones(5))


def test_unit_rows_are_found_of_any_length_and_zeros_stay():
    rows = torch.tensor([[3e-30, 4e-30], [3e30, 4e30], [0.0, 0.0]])
    torch.testing.assert_close(unit(rows), torch.tensor([[0.6, 0.8], [0.6, 0.8], [0.0, 0.0]]))


def test_a_model_without_slope_is_left_where_it_is():
    given = forward(linear([[0.0], [0.0]]), torch.tensor([[0.2]]))
    assert made().penalty(given).item() == 0


def test_the_divergence_is_torchs():
    draws = torch.Generator().manual_seed(0)
    clean, moved = (torch.randn(8, 5, generator=draws) for _ in range(2))
    expected = nn.functional.kl_div(moved.log_softmax(1), clean.softmax(1), reduction="batchmean")
    assert divergence(clean, moved).item() == pytest.approx(expected.item(), rel=1e-5)


def test_running_statistics_are_those_of_the_batch_and_no_gradient_is_left():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    given = forward(model, torch.tensor([[0.0], [1.0], [2.0]]))
    before = model[1].running_mean.clone()
    made(steps=3).penalty(given)
    assert torch.equal(model[1].running_mean, before)
    assert model[1].num_batches_tracked.item() == 1
    assert all(weight.grad is None for weight in model.parameters())


def test_in_bfloat16_directions_are_found_in_single_precision():
    """Where xi moves no digit of bfloat16 there would be none but those of rounding."""
    runs = [
        build_run(
            tiny(reg={"virtual_adversarial": reg_node("virtual_adversarial", xi=0.001)})
            | {"precision": precision}
        )
        for precision in ("fp32", "bf16")
    ]
    found = []
    for run in runs:
        batch = run.data.train[:32]
        logits = run.model(batch.inputs)
        (member,) = run.reg.members.values()
        found.append(member.directions(ForwardPass(run.model, batch, logits, (), bf16=run.bf16)))
        assert objective(run, batch)["virtual_adversarial"].isfinite()
    torch.testing.assert_close(*found, atol=1e-4, rtol=0)


def test_does_nothing_without_a_strength():
    given = forward(linear([[1.0], [0.0]]), torch.tensor([[0.2]]))
    assert made(0.0).penalty(given) is None
    assert (made(0.0).note(), made(steps=2).note()) == (
        "",
        "2 passes to find the direction of each row and 1 to learn from it",
    )


def test_refuses_what_it_cannot_do():
    for values, said in (
        ((-1, 1.0, 1, 1e-3), "strength must be at least 0, got -1"),
        ((1.0, -1, 1, 1e-3), "epsilon must be above 0, got -1"),
        ((1.0, 0.0, 1, 1e-3), "epsilon must be above 0, got 0.0"),  # it would move nothing
        ((1.0, 1.0, 0, 1e-3), "steps must be at least 1, got 0"),
        ((1.0, 1.0, 1, 0), "xi must be above 0, got 0"),
    ):
        with pytest.raises(ValueError, match=f"^{said}$"):
            VirtualAdversarial(*values)
    tokens = Split(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), 2)
    with pytest.raises(ValueError, match=r"^inputs must be numbers, which can be moved, got torch.int64$"):
        made().check_data(tokens)
    made(0.0).check_data(tokens)
