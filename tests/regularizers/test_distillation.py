"""Distillation: the objective by hand, and the teacher as `regbench.load` gives it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import regbench
from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.regularizers.distillation import Distillation
from regbench.training.loop import EpochEnd, Run, fit, objective
from regbench.training.replicas.proof import _copied, pays, unstackable
from regbench.types import Batch, ForwardPass
from tests.conftest import finished_run, reg_node, tiny
from tests.training.replicas.side_by_side import assert_as_alone


def linear(weight: float) -> nn.Linear:
    """Two classes, the logit of the first weight * x and of the other 0."""
    model = nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor([[weight], [0.0]])
    return model


def made(share: float = 0.25, temperature: float = 2.0, teacher: nn.Module | None = None) -> Distillation:
    member = Distillation("a run", share, temperature)
    member.runs = {"teacher": linear(3.0).eval() if teacher is None else teacher}
    return member


def forward(model: nn.Module, inputs: Tensor, bf16: bool = False) -> ForwardPass:
    logits = model(inputs)
    return ForwardPass(model, Batch(inputs, torch.zeros_like(logits)), logits, (), bf16=bf16)


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def teacher_of(config: dict[str, Any]) -> Path:
    return finished_run(json.dumps(config["dataset"]))


def first_step(run: Run, rows: int = 32) -> tuple[dict[str, Tensor], ForwardPass]:
    """The terms of the first batch's objective, and the pass that its member was shown."""
    seen: list[ForwardPass] = []
    leaf = dict(run.reg.leaves())["distillation"]
    penalty: Callable[[ForwardPass], Tensor | None] = leaf.penalty
    leaf.penalty = lambda forward: seen.append(forward) or penalty(forward)  # type: ignore[method-assign,func-returns-value]
    run.model.train()
    run.reg.begin_epoch(0.0)
    run.reg.begin_step(0.0)
    run.clock.passes = -1
    shown = run.reg.transform_batch(run.data.train[slice(0, rows)])
    run.clock.passes = 0
    terms = objective(run, shown)
    return terms, seen[0]


def test_the_teachers_share_and_what_is_left_for_the_targets() -> None:
    member, model = made(), linear(0.5)
    value = member.penalty(forward(model, torch.tensor([[1.0], [-2.0]])))
    assert value is not None
    # T^2 * mean of the rows' KL, the logits halved: 3 and 0.5 for the first, -6 and -1 for the second
    both = kl(sigmoid(1.5), sigmoid(0.25)) + kl(sigmoid(-3.0), sigmoid(-0.5))
    assert value.item() == pytest.approx(0.25 * 4 * both / 2, rel=1e-5)
    assert member.transform_loss(torch.tensor(4.0)).item() == pytest.approx(3.0)


def test_a_share_of_one_reads_no_target() -> None:
    assert made(share=1.0).transform_loss(torch.tensor(4.0)).item() == 0.0


def test_the_gradient_is_the_students_alone() -> None:
    teacher, model = linear(3.0), linear(0.5)
    member = made(share=0.5, teacher=teacher)
    value = member.penalty(forward(model, torch.tensor([[1.0]])))
    assert value is not None
    value.backward()
    # share * T^2 * (q - p) / T in the logit, of which the input is 1
    slope = 0.5 * 2 * (sigmoid(0.25) - sigmoid(1.5))
    assert model.weight.grad is not None
    assert model.weight.grad.flatten().tolist() == pytest.approx([slope, -slope], rel=1e-5)
    assert teacher.weight.grad is None


def test_the_teacher_computes_in_the_number_format_of_the_pass() -> None:
    kinds: list[torch.dtype] = []
    teacher = linear(3.0)
    teacher.register_forward_hook(lambda module, inputs, output: kinds.append(output.dtype))
    for bf16 in (False, True):
        value = made(teacher=teacher).penalty(forward(linear(0.5), torch.tensor([[1.0]]), bf16))
        assert value is not None
        assert value.dtype == torch.float32
    assert kinds == [torch.float32, torch.bfloat16]


def test_at_its_off_value_it_needs_no_teacher_and_leaves_the_loss_itself() -> None:
    member, loss = Distillation(None, 0.0, 4.0), torch.tensor(1.0)
    assert member.transform_loss(loss) is loss
    assert member.penalty(forward(linear(1.0), torch.tensor([[1.0]]))) is None
    assert member.note() == ""
    run = build_run(tiny(reg={"distillation": reg_node("distillation", share=0.0)}))
    assert dict(run.reg.leaves())["distillation"].runs == {}


def test_without_a_teacher_it_is_refused() -> None:
    config = tiny() | {"reg": {"distillation": reg_node("distillation")}}
    with pytest.raises(ConfigError) as caught:
        build_run(config)
    expected = "reg.distillation: teacher must be the folder of a finished run, got null"
    assert str(caught.value) == expected


@pytest.mark.parametrize("model", ["mlp", "cnn", "resnet", "transformer", "text"])
def test_in_a_run_the_teacher_is_what_load_gives(model: str) -> None:
    config = tiny(model, {"distillation": reg_node("distillation", share=0.3, temperature=3.0)})
    terms, seen = first_step(build_run(config))
    teacher = regbench.load(config["reg"]["distillation"]["teacher"])
    with torch.no_grad():
        taught = teacher(seen.batch.inputs)
    distance = nn.functional.kl_div(
        (seen.logits.detach() / 3).log_softmax(1), (taught / 3).softmax(1), reduction="batchmean"
    )
    assert terms["distillation"].item() == pytest.approx(0.3 * 9 * distance.item(), rel=1e-4)
    plain = nn.functional.cross_entropy(seen.logits.detach(), seen.batch.targets)
    assert terms["data"].item() == pytest.approx(0.7 * plain.item(), rel=1e-4)


def test_the_teacher_sees_the_inputs_as_they_are_shown() -> None:
    stack = {"input_noise": reg_node("input_noise", sigma=0.5), "distillation": reg_node("distillation")}
    run = build_run(tiny(reg=stack))
    inputs: list[Tensor] = []
    teacher = dict(run.reg.leaves())["distillation"].runs["teacher"]
    handle = teacher.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
    _, seen = first_step(run)
    handle.remove()  # other runs have the same teacher
    assert torch.equal(inputs[0], seen.batch.inputs)
    assert not torch.equal(inputs[0], run.data.train[slice(0, 32)].inputs)


def test_two_teachers_each_have_their_share_and_the_targets_the_product_of_what_both_leave() -> None:
    one, other = reg_node("distillation", share=0.5), reg_node("distillation", share=0.2, temperature=2.0)
    run = build_run(tiny(reg={"distillation": one, "second": other}))
    terms, seen = first_step(run)
    teacher = dict(run.reg.leaves())["second"].runs["teacher"]
    with torch.no_grad():
        taught = teacher(seen.batch.inputs)
    logits = seen.logits.detach()
    plain = nn.functional.cross_entropy(logits, seen.batch.targets)
    assert terms["data"].item() == pytest.approx(0.5 * 0.8 * plain.item(), rel=1e-4)
    for name, share, temperature in (("distillation", 0.5, 4.0), ("second", 0.2, 2.0)):
        distance = nn.functional.kl_div(
            (logits / temperature).log_softmax(1), (taught / temperature).softmax(1), reduction="batchmean"
        )
        expected = share * temperature**2 * distance.item()
        assert terms[name].item() == pytest.approx(expected, rel=1e-4)


def test_the_teacher_stays_as_it_is() -> None:
    run = build_run(tiny(reg={"distillation": reg_node("distillation")}))
    teacher = dict(run.reg.leaves())["distillation"].runs["teacher"]
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    assert [event for event in fit(run) if isinstance(event, EpochEnd)]
    assert not teacher.training
    assert not any(weight.requires_grad for weight in teacher.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert dict(run.reg.leaves())["distillation"].state_dict() == {}
    assert not any("teacher" in name for name in run.model.state_dict())


def test_a_student_learns_what_only_the_teacher_knows() -> None:
    """All of its own labels are one class; with a share of 1 it comes to what the teacher predicts."""
    config = tiny(reg={"distillation": reg_node("distillation", share=1.0)}, epochs=40)
    run = build_run(config)
    run.data.train.labels.zero_()
    assert [event for event in fit(run) if isinstance(event, EpochEnd)]
    teacher = regbench.load(config["reg"]["distillation"]["teacher"])
    inputs = run.data.train[slice(0, 97)].inputs
    with torch.no_grad():
        same = run.model.eval()(inputs).argmax(1) == teacher(inputs).argmax(1)
    assert same.float().mean() > 0.8  # by its labels alone it would be one in ten


def test_runs_with_one_teacher_are_trained_at_once_and_numbers_may_differ() -> None:
    nodes = [{"distillation": reg_node("distillation", share=share)} for share in (0.3, 0.6)]
    configs = [tiny(reg=node) | {"seed": seed} for seed, node in enumerate(nodes)]
    assert unstackable(list(map(build_run, configs))) == ""
    assert_as_alone(configs)


def test_trying_whether_runs_can_be_trained_at_once_copies_no_teacher() -> None:
    config = tiny(reg={"distillation": reg_node("distillation")})
    runs = [build_run(config | {"seed": seed}) for seed in range(2)]
    teacher = dict(runs[0].reg.leaves())["distillation"].runs["teacher"]
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    copied = [_copied(run) for run in runs]
    assert all(dict(one.reg.leaves())["distillation"].runs["teacher"] is teacher for one in copied)
    assert copied[0].model is not runs[0].model
    assert unstackable(runs) == ""
    assert pays(runs, 1) > 0
    assert not teacher.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())


def taught_by(*teachers: Path) -> list[dict[str, Any]]:
    nodes = [reg_node("distillation", teacher=str(one)) for one in teachers]
    return [tiny(reg={"distillation": node}) | {"seed": seed} for seed, node in enumerate(nodes)]


def test_runs_with_teachers_of_one_model_are_trained_at_once() -> None:
    dataset = json.dumps(tiny()["dataset"])
    configs = taught_by(finished_run(dataset), finished_run(dataset, seed=98))
    assert unstackable(list(map(build_run, configs))) == ""
    assert_as_alone(configs)


def test_runs_with_teachers_of_two_models_are_trained_apart() -> None:
    dataset = json.dumps(tiny()["dataset"])
    configs = taught_by(finished_run(dataset), finished_run(dataset, "model=cnn", "model.width=4"))
    assert unstackable(list(map(build_run, configs))) != ""


def test_in_a_loop_of_ones_own_the_teacher_is_the_same() -> None:
    config = tiny(reg={"distillation": reg_node("distillation")})
    data = regbench.dataset("digits", num_train=97)
    torch.manual_seed(0)
    inputs = data.train.inputs / 16
    model = regbench.normalized(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), (inputs, data.train.labels))
    teacher = str(teacher_of(config))
    stack = regbench.stack(distillation={"teacher": teacher, "share": 1.0, "temperature": 1.0})
    applied = stack.apply(model, train=data.train, epochs=1, steps_per_epoch=1)
    loss = applied.loss(inputs[:8], data.train.labels[:8])
    with torch.no_grad():
        taught, logits = regbench.load(teacher)(inputs[:8]), model(inputs[:8])
    expected = nn.functional.kl_div(logits.log_softmax(1), taught.softmax(1), reduction="batchmean")
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_refuses_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"^share must lie in \[0, 1\], got 2$"):
        made(share=2)
    with pytest.raises(ValueError, match=r"^temperature must be above 0, got 0$"):
        made(temperature=0)
