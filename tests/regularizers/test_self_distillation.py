"""Self-distillation: the softened loss by hand, and when which teacher is taken."""

import math

import pytest
import torch
from torch import Tensor, nn

from regbench.assembly.run import build_run
from regbench.nn.distilling import softened_divergence
from regbench.regularizers.self_distillation import SelfDistillation, evaluating
from regbench.streams import Clock, Stream
from regbench.strengths import Steps
from regbench.training.loop import StepEnd, fit
from regbench.training.replicas.proof import unstackable
from regbench.types import Batch, ForwardPass
from tests.conftest import reg_node, tiny


def made(share: float = 0.25, temperature: float = 1.0, cycles: int = 2) -> SelfDistillation:
    return SelfDistillation(share, temperature, cycles)


def stepped(member: SelfDistillation, model: nn.Module, step: int, steps: int) -> None:
    clock = Clock(step=step)
    member.stream = Stream(0, "self_distillation", clock)
    member.begin_step(step / (steps - 1))
    member.end_step(model)


def linear(weight: float) -> nn.Linear:
    """Two classes, the logit of the first weight * x and of the other 0."""
    model = nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor([[weight], [0.0]])
    return model


def forward(model: nn.Module, inputs: Tensor) -> ForwardPass:
    logits = model(inputs)
    return ForwardPass(model, Batch(inputs, torch.zeros_like(logits)), logits, ())


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_the_first_part_is_left_alone_and_the_second_learns_from_the_end_of_the_first():
    member, model, loss = made(temperature=2.0), linear(0.0), torch.tensor(4.0)
    given = torch.tensor([[1.0]])
    for step, weight in enumerate((1.0, 3.0)):  # two of four steps: the second ends the part
        assert member.transform_loss(loss) is loss
        assert member.penalty(forward(model, given)) is None
        model.weight.data[0, 0] = weight
        stepped(member, model, step, 4)
    model.weight.data[0, 0] = 0.5
    assert member.transform_loss(loss).item() == pytest.approx(3.0)
    value = member.penalty(forward(model, given)).item()
    assert value == pytest.approx(0.25 * 4 * kl(sigmoid(1.5), sigmoid(0.25)), rel=1e-5)


def test_a_teacher_is_taken_at_the_end_of_every_part():
    member, model, seen = made(cycles=3), linear(0.0), []
    for step in range(7):
        model.weight.data[0, 0] = float(step)
        stepped(member, model, step, 7)
        seen.append(member._teacher["weight"][0, 0].item() if member._teacher else None)
    # 7 steps in 3 parts: the middles (s + 0.5) * 3 / 7 pass 1 after step 1 and 2 after step 4
    assert seen == [None, 1.0, 1.0, 1.0, 4.0, 4.0, 6.0]
    assert member.note().startswith(
        "2 of 3 parts learn from a teacher (fewer where the run has fewer steps);"
    )  # nothing learns from the last


@pytest.mark.parametrize(
    ("cycles", "steps", "teachers"),
    [
        (2, 2, [None, 0]),
        # of 0.5, 1.5 and 2.5 the second is 3/2, and begins the second part
        (2, 3, [None, 0, 0]),
        (3, 3, [None, 0, 1]),
        (100, 3, [None, 0, 1]),
        (4, 7, [None, None, 1, 2, 2, 4, 4]),
    ],
)
def test_a_part_may_have_a_single_step_also_the_first(cycles, steps, teachers):
    """The step whose end the teacher of each step is; a run that goes on from a state has the same."""
    member, model, seen = made(cycles=cycles), linear(0.0), []
    for step in range(steps):
        model.weight.data[0, 0] = float(step)
        before, member = member, made(cycles=cycles)
        member.load_state_dict(before.state_dict())
        member.stream = Stream(0, "self_distillation", Clock(step=step))
        member.begin_step(step / (steps - 1))
        seen.append(member._teacher["weight"][0, 0].item() if member._teacher else None)
        member.end_step(model)
    assert seen == teachers
    assert not member._first


def test_in_a_run_of_two_steps_the_second_learns_from_the_first():
    run = build_run(tiny(reg={"self_distillation": reg_node("self_distillation", cycles=2)}))
    run.epochs, run.batch_size = 2, len(run.data.train)
    first, second = (event.record.metrics for event in fit(run) if not isinstance(event, StepEnd))
    assert "objective/self_distillation" not in first
    assert "objective/self_distillation" in second


def test_a_teacher_is_taken_where_a_schedule_of_the_share_is_at_0():
    """The share rises in the second of two parts, whose teacher is the end of the first."""
    member, model = made(share=0.0), linear(3.0)
    member.schedules = {"share": Steps([0.0, 0.5], [0.6])}
    stepped(member, model, 1, 4)
    assert member._teacher["weight"][0, 0] == 3.0
    never = made(share=0.0)
    stepped(never, model, 1, 4)
    assert not never._teacher


def test_the_gradient_is_the_students_alone_and_that_of_the_softened_predictions():
    member, model = made(share=0.5, temperature=2.0), linear(3.0)
    stepped(member, model, 1, 4)
    model.weight.data[0, 0] = 0.5
    member.penalty(forward(model, torch.tensor([[1.0]]))).backward()
    # share * T^2 * (q - p) / T in the logit, of which the input is 1
    slope = 0.5 * 2 * (sigmoid(0.25) - sigmoid(1.5))
    assert model.weight.grad.flatten().tolist() == pytest.approx([slope, -slope], rel=1e-5)


def test_the_teacher_is_in_evaluation_mode_and_every_module_in_its_own_again():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    model[0].eval()
    inputs = torch.tensor([[0.0], [1.0], [2.0]])
    given = forward(model, inputs)
    member = made(share=1.0)
    stepped(member, model, 1, 4)
    modes, mean = [module.training for module in model.modules()], model[1].running_mean.clone()
    value = member.penalty(given)
    assert [module.training for module in model.modules()] == modes == [True, False, True, True, True]
    assert torch.equal(model[1].running_mean, mean)
    with evaluating(model):
        taught = model(inputs)
    assert value.item() == pytest.approx(softened_divergence(taught, given.logits, 1.0).item())
    assert member.penalty(given).item() == value.item()  # no noise


def test_in_a_run_the_teacher_is_the_model_at_the_end_of_the_part_before():
    run = build_run(tiny(reg={"self_distillation": reg_node("self_distillation", cycles=2)}))
    (member,) = run.reg.members.values()
    weights: list[dict[str, Tensor]] = []
    terms: list[int] = []
    for event in fit(run):
        if isinstance(event, StepEnd):
            weights.append({name: one.detach().clone() for name, one in run.model.named_parameters()})
            terms.append(len(member._teacher))
        if len(weights) == 4 and isinstance(event, StepEnd):  # of six: the third step ends the first part
            assert all(torch.equal(member._teacher[name], one) for name, one in weights[2].items())
    assert [bool(count) for count in terms] == [False, False, True, True, True, True]


def test_runs_with_other_parts_are_not_trained_at_once():
    """Where one has a teacher and another has none yet, a step would be another one."""
    nodes = [{"self_distillation": reg_node("self_distillation", cycles=cycles)} for cycles in (2, 3)]
    said = unstackable([build_run(tiny(reg=node) | {"seed": seed}) for seed, node in enumerate(nodes)])
    assert "cycles decides which way a step goes" in said


def test_takes_no_teacher_without_a_share():
    member, model = made(share=0.0), linear(1.0)
    stepped(member, model, 1, 4)
    assert member._teacher == {}
    assert member.note() == ""
    assert "schedule.cycles=2" in made().note()


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match=r"^share must lie in \[0, 1\], got -1$"):
        made(share=-1)
    with pytest.raises(ValueError, match=r"^temperature must be above 0, got 0$"):
        made(temperature=0)
    with pytest.raises(ValueError, match=r"^cycles must be at least 2, got 1$"):
        made(cycles=1)
