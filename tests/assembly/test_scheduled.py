"""A strength that follows a schedule: built, trained with, recorded, resumed, refused."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer
from regbench.regularizers.l2_sp import L2SP
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, Run, batch_order, begin_step, fit, objective, train_step
from regbench.training.replicas.proof import unstackable
from regbench.types import Record
from regbench.weights import Scope
from tests.conftest import reg_node, tiny

CANNOT = "must be a number and cannot follow a schedule, as"
OWN = "tests.assembly.test_scheduled"


def ramp(start: float, end: float, over: float = 1.0) -> dict[str, Any]:
    return {"_target_": "regbench.strengths.Ramp", "start": start, "end": end, "over": over}


def config_of(*, name: str = "dropout", epochs: int = 2, **values: Any) -> dict[str, Any]:
    return tiny("mlp", {name: reg_node(name, **values)}, epochs=epochs)


def finish(run: Run, history: list[Record] | None = None) -> list[dict[str, float]]:
    records = list(history or [])
    records += [event.record for event in fit(run, records) if isinstance(event, EpochEnd)]
    return [{n: v for n, v in r.metrics.items() if not n.startswith("time/")} for r in records]


def audited(config: dict[str, Any]) -> Any:
    return audit(lambda out: build_run(config, build_stack(config["reg"] if not out else {})))


@dataclass
class Hat:
    """Zero at both ends, `top` in the middle."""

    top: float

    def __call__(self, progress: float) -> float:
        return self.top * (1 - abs(2 * progress - 1))


@dataclass
class Silent(Regularizer):
    """Somebody's own, that says nothing of schedules."""

    off = {"strength": 0.0}  # noqa: RUF012
    strength: float


def test_a_class_of_others_that_names_no_fields_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        build_stack({"own": {"_target_": f"{OWN}.Silent", "strength": ramp(0.0, 1.0)}})
    said = f"reg.own: strength {CANNOT} its class does not name it in follows; none of its fields can"
    assert str(caught.value) == said


def test_the_penalty_of_a_step_is_that_of_its_strength() -> None:
    run = build_run(config_of(name="l1", strength=ramp(0.0, 0.01), mode="subgradient"))
    batch = run.data.train[batch_order(run, 0)[0]]
    run.model.eval()
    for step, strength in ((0, 0.0), (2, 0.005), (4, 0.01)):  # the first, third and last of five
        begin_step(run, step, 5)
        total = sum(term.item() for term in objective(run, batch).values())
        weights = [p for n, p in run.model.named_parameters() if n.endswith("weight")]
        data = F.cross_entropy(run.model(batch.inputs), batch.targets.argmax(1)).item()
        by_hand = data + strength * sum(w.abs().sum().item() for w in weights)
        assert total == pytest.approx(by_hand, rel=1e-5)


def test_weight_decay_in_the_optimizer_follows() -> None:
    """Without a gradient of the data, w becomes (1 - lr * strength) * w in each step."""
    config = config_of(name="l2", strength=ramp(0.0, 0.2), mode="decoupled")
    run = build_run(config)
    weight = next(p for n, p in run.model.named_parameters() if n.endswith("weight"))
    for step, strength in ((0, 0.0), (1, 0.1), (2, 0.2)):
        factor = begin_step(run, step, 3)
        before = weight.detach().clone()
        for one in run.model.parameters():
            one.grad = torch.zeros_like(one)
        run.optimizer.step(lambda: torch.zeros(()))
        torch.testing.assert_close(weight.detach(), before * (1 - run.lr * factor * strength))


def test_the_curve_has_the_value_at_the_end_of_each_epoch() -> None:
    records = finish(build_run(config_of(p=ramp(0.0, 0.5), epochs=3)))  # of 3 steps each: 0, 1/8, ... 1
    assert [record["dropout/p"] for record in records] == pytest.approx([0.5 * 2 / 8, 0.5 * 5 / 8, 0.5])


def test_a_schedule_that_keeps_its_value_is_the_number_to_the_bit() -> None:
    one, other = build_run(config_of(p=0.3)), build_run(config_of(p=ramp(0.3, 0.3)))
    numbers = finish(one)
    followed = [{n: v for n, v in r.items() if n != "dropout/p"} for r in finish(other)]
    assert numbers == followed
    assert all(map(torch.equal, one.model.state_dict().values(), other.model.state_dict().values()))


def test_while_it_is_zero_it_does_nothing() -> None:
    steps = {"_target_": "regbench.strengths.Steps", "values": [0.0, 0.01], "at": [0.5]}
    run, base = build_run(config_of(name="l1", strength=steps)), build_run(tiny("mlp"))
    for step in range(2):
        for one in (run, base):
            begin_step(one, step, 4)
            train_step(one, one.data.train[batch_order(one, 0)[step]])
    assert all(map(torch.equal, run.model.state_dict().values(), base.model.state_dict().values()))


@pytest.mark.parametrize(
    ("name", "values"),
    [("dropout", {"p": ramp(0.0, 0.5)}), ("l2", {"strength": ramp(0.0, 0.1), "mode": "coupled"})],
)
def test_a_run_that_is_resumed_goes_on_with_the_ramp(name: str, values: dict[str, Any]) -> None:
    config = config_of(name=name, epochs=3, **values)
    whole, first, second = build_run(config), build_run(config), build_run(config)
    records = finish(whole)
    events = (event for event in fit(first) if isinstance(event, EpochEnd))
    history = [next(events).record]
    for part in ("model", "optimizer", "reg"):
        getattr(second, part).load_state_dict(copy.deepcopy(getattr(first, part).state_dict()))
    assert finish(second, history) == records
    assert all(map(torch.equal, whole.model.state_dict().values(), second.model.state_dict().values()))


def test_a_whole_number_is_the_nearest() -> None:
    stack = build_stack({"rand_augment": reg_node("rand_augment", magnitude=ramp(0, 9))})
    stack.begin_step(0.4)  # 3.6
    member: Any = stack.members["rand_augment"]
    assert (member.magnitude, type(member.magnitude)) == (4, int)


def test_a_member_in_a_stack_within_the_stack_follows() -> None:
    run = build_run(tiny("mlp", {"inner": {"dropout": reg_node("dropout", p=ramp(0.0, 0.4))}}))
    run.reg.begin_step(0.5)
    assert run.reg.scheduled() == {"dropout/p": 0.2}
    assert {m.p for m in run.model.modules() if type(m).__name__ == "Drop"} == {0.2}


def test_the_audit_sees_it_act_at_its_largest_and_tells_the_schedule() -> None:
    (found,) = audited(config_of(p={"_target_": f"{OWN}.Hat", "top": 0.4})).findings
    assert found.state == "acts"
    assert "p=Hat(top=0.4)" in found.facts[0]
    (off,) = audited(config_of(p=ramp(0.0, 0.0))).findings
    assert off.state.startswith("off")


def test_runs_with_one_are_not_trained_at_once_and_it_is_said_why() -> None:
    config = config_of(p=ramp(0.0, 0.5))
    said = unstackable([build_run(config), build_run(config | {"seed": 1})])
    assert said == "replicas: these runs cannot be trained at once, for reg.dropout follows a schedule"


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        (
            "swa",
            {"start": ramp(0.0, 0.9)},
            f"reg.swa: start {CANNOT} it is a share of the run itself; none of its fields can",
        ),
        (
            "adaptive_dropout",
            {"alpha": ramp(0.0, 0.5), "form": "learned"},
            f"reg.adaptive_dropout: alpha {CANNOT} with form learned it is only where the gate's weights "
            "begin; of its fields share can",
        ),
        (
            "lookahead",
            {"k": ramp(1, 5)},
            f"reg.lookahead: k {CANNOT} it counts the steps from one move of the slow weights to the next; "
            "of its fields alpha can",
        ),
        ("dropout", {"p": ramp(0.0, 1.0)}, "reg.dropout: p must lie in [0, 1), got 1.0"),
        ("dropout", {"p": ramp(-0.1, 0.5)}, "reg.dropout: p must lie in [0, 1), got -0.1"),
        ("dropout", {"p": ramp(0.0, 0.5, 0.0)}, "reg.dropout.p: over must lie in (0, 1], got 0.0"),
        (
            "dropout",
            {"p": {"_target_": "torch.nn.Identity"}},
            "reg.dropout.p._target_: must name a schedule of a strength, a dataclass whose objects are "
            "called with the progress of the run, got torch.nn.Identity",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(name: str, values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_run(config_of(name=name, **values))
    assert str(caught.value) == said


@dataclass
class OwnPull(L2SP):
    """Somebody's own, written when the class had three fields."""


class Unasked(L2SP):
    """Another one, which takes these three alone."""

    def __init__(self, strength: float, head_strength: float, scope: Scope) -> None:
        super().__init__(strength, head_strength, scope, None)


@pytest.mark.parametrize("cls", ["OwnPull", "Unasked"])
def test_a_class_made_of_one_that_got_a_field_later_needs_no_value_for_it(cls: str) -> None:
    values = {"_target_": f"{OWN}.{cls}", "strength": 0.1, "head_strength": 0.01, "scope": "weights"}
    member = build_stack({"mine": values}).members["mine"]
    assert isinstance(member, L2SP)
    assert member.start is None
    scheduled = build_stack({"mine": values | {"strength": ramp(0.0, 0.1)}}).members["mine"]
    assert isinstance(scheduled, L2SP)
    assert (scheduled.start, scheduled.strength) == (None, 0.1)
