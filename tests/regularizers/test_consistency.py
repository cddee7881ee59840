"""Consistency: the teacher's weights, its predictions and the ramp by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.nn.snapshots import WithWeights
from regbench.regularizers.consistency import Consistency
from regbench.streams import Clock, Stream
from regbench.strengths import Steps
from regbench.training.loop import StepEnd, fit
from regbench.types import Batch, ForwardPass, Split
from tests.conftest import reg_node, tiny


def made(strength: float = 2.0, decay: float = 0.9, noise: float = 0.0, ramp: float = 0.0) -> Consistency:
    member = Consistency(strength, decay, noise, ramp)
    member.stream = Stream(0, "consistency", Clock())
    return member


def linear(weight: float) -> nn.Linear:
    """Two classes, the logit of the first weight * x and of the other 0."""
    model = nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor([[weight], [0.0]])
    return model


def forward(model: nn.Module, inputs: Tensor) -> ForwardPass:
    logits = model(inputs)
    return ForwardPass(model, Batch(inputs, torch.zeros_like(logits)), logits, ())


def p(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_in_the_first_step_there_is_no_teacher_and_in_the_second_it_is_the_model_after_the_first():
    member, model = made(), linear(3.0)
    inputs = torch.tensor([[0.5]])
    assert member.penalty(forward(model, inputs)) is None
    member.end_step(model)
    model.weight.data[0, 0] = 1.0
    value = member.penalty(forward(model, inputs))
    apart = p(0.5) - p(1.5)
    assert value.item() == pytest.approx(2 * 2 * apart**2)  # of both classes


def test_the_gradient_is_the_models_alone():
    member, model = made(), linear(3.0)
    member.end_step(model)
    model.weight.data[0, 0] = 1.0
    member.penalty(forward(model, torch.tensor([[0.5]]))).backward()
    q = p(0.5)
    slope = 2 * 2 * 2 * (q - p(1.5)) * q * (1 - q) * 0.5
    assert model.weight.grad.flatten().tolist() == pytest.approx([slope, -slope])


def test_the_average_is_a_plain_mean_until_it_is_warm_and_then_forgets():
    member, model, seen = made(decay=0.7), linear(0.0), []
    for weight in (1.0, 2.0, 6.0, 0.0, 10.0):
        model.weight.data[0, 0] = weight
        member.end_step(model)
        seen.append(member._average["weight"][0, 0].item())
    # d of 0, 1/2, 2/3, then 0.7 twice: means 1, 1.5, 3, then 2.1 and 0.7 * 2.1 + 0.3 * 10
    assert seen == pytest.approx([1.0, 1.5, 3.0, 2.1, 4.47])


def test_the_teacher_sees_the_inputs_with_noise_of_its_own():
    member = made(noise=0.5)
    seen: list[Tensor] = []

    class Watched(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            seen.append(inputs)
            return super().forward(inputs)

    model, inputs = Watched(1, 2), torch.full((4000, 1), 3.0)
    member.end_step(model)
    member.penalty(forward(model, inputs))
    assert torch.equal(seen[0], inputs)
    noise = seen[1] - inputs
    assert noise.mean().item() == pytest.approx(0, abs=4 * 0.5 / math.sqrt(4000))
    assert noise.std().item() == pytest.approx(0.5, rel=0.05)
    made_without = made()
    made_without.end_step(model)
    assert made_without.penalty(forward(model, inputs)).item() == 0  # the same view, the same weights


def test_the_strength_rises_as_the_papers_ramp():
    member, model = made(ramp=0.5), linear(3.0)
    member.end_step(model)
    model.weight.data[0, 0] = 1.0
    values = []
    for progress in (0.0, 0.25, 0.5, 1.0):
        member.begin_step(progress)
        values.append(member.penalty(forward(model, torch.tensor([[0.5]]))).item())
    shares = [math.exp(-5), math.exp(-1.25), 1.0, 1.0]
    assert [value / values[-1] for value in values] == pytest.approx(shares)


def test_the_teacher_moves_where_a_schedule_of_the_strength_is_at_0():
    member, model = made(), linear(0.0)
    member.schedules = {"strength": Steps([0.0, 2.0, 0.0], [0.5, 1.0])}
    values, inputs = [], torch.tensor([[0.5]])
    for progress, weight in ((0.0, 1.0), (0.25, 2.0), (0.5, 6.0), (1.0, 7.0)):
        member.follow(progress)
        member.begin_step(progress)
        values.append(member.penalty(forward(model, inputs)))
        model.weight.data[0, 0] = weight
        member.end_step(model)
    assert [value is None for value in values] == [True, True, False, True]
    # the mean of the weights after the first two steps is 1.5, and the model is at 2
    assert values[2].item() == pytest.approx(2 * 2 * (p(1.0) - p(0.75)) ** 2)
    assert member._average["weight"][0, 0].item() == pytest.approx(4.0)


def test_running_statistics_are_those_of_the_batch():
    torch.manual_seed(0)
    member, model = made(noise=0.1), nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    inputs = torch.tensor([[0.0], [1.0], [2.0]])
    given = forward(model, inputs)
    member.end_step(model)
    before = model[1].running_mean.clone()
    kept = member._average["1.running_mean"].clone()
    member.penalty(given)
    assert torch.equal(model[1].running_mean, before)
    assert torch.equal(member._average["1.running_mean"], kept)
    assert model[1].num_batches_tracked.item() == 1


def test_a_run_leaves_the_average_that_a_loop_by_hand_finds():
    run = build_run(tiny(reg={"consistency": reg_node("consistency")}))
    (member,) = run.reg.members.values()
    mean: dict[str, Tensor] = {}
    steps = 0
    for event in fit(run):
        if isinstance(event, StepEnd):
            now = {name: tensor.detach().clone() for name, tensor in run.model.named_parameters()}
            mean = {n: t + (mean.get(n, t) - t) * steps / (steps + 1) for n, t in now.items()}
            steps += 1
    assert steps == 6  # fewer than the 99 after which decay acts: a plain mean
    teacher = WithWeights(run.model, member._average).state_dict()
    for name, tensor in mean.items():
        torch.testing.assert_close(teacher[name], tensor)


def test_does_nothing_without_a_strength():
    member, model = made(0.0), linear(1.0)
    member.end_step(model)
    assert member.penalty(forward(model, torch.tensor([[0.5]]))) is None
    assert member._average == {}
    assert (member.note(), made().note()) == ("", "each batch is passed through the teacher as well")


def test_sentences_take_no_noise():
    tokens = Split(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), 2)
    with pytest.raises(ValueError, match=r"^inputs must be numbers where noise is above 0, got torch.int64$"):
        made(noise=0.1).check_data(tokens)
    made().check_data(tokens)


def test_a_run_with_a_ramp_cannot_be_made_longer():
    assert made(ramp=0.5).follows_length
    assert not made().follows_length


def test_refuses_what_is_out_of_range():
    for values, said in (
        ({"strength": -1}, "strength must be at least 0, got -1"),
        ({"noise": -1}, "noise must be at least 0, got -1"),
        ({"decay": 1.0}, r"decay must lie in \[0, 1\), got 1.0"),
        ({"ramp": 1.5}, r"ramp must lie in \[0, 1\], got 1.5"),
    ):
        with pytest.raises(ValueError, match=f"^{said}$"):
            made(**values)
