"""Proof, before training, that each member acts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer
from regbench.training.audit import Audit, audit
from regbench.training.loop import EpochEnd, fit
from regbench.types import Batch
from tests.conftest import reg_node, tiny

OWN_MODEL = """
from torch import nn

class Noisy(nn.Module):  # draws from torch's own generator
    def __init__(self, num_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, num_classes))

    def forward(self, inputs):
        return self.layers(inputs)
"""


@dataclass
class Idle(Regularizer):
    """Overrides a hook, and changes nothing there."""

    off: ClassVar[dict[str, Any]] = {"strength": 0.0}

    strength: float

    def transform_batch(self, batch: Batch) -> Batch:
        return batch


@dataclass
class Waiting(Idle):
    """Acts where a bound is passed."""

    visible_at: ClassVar[dict[str, Any]] = {"strength": 0.1}
    has_bound: ClassVar[bool] = True

    def edit_weights(self, model: torch.nn.Module) -> None:
        with torch.no_grad():
            for weight in model.parameters() if 0 < self.strength < 0.3 else ():
                weight.mul_(1 - self.strength)


def audited(config: dict[str, Any]) -> Audit:
    def make(without: str | None) -> Any:
        stack = build_stack(config["reg"])
        return build_run(config, stack.without(without) if without else stack)

    return audit(make)


def facts(model: str = "mlp", **reg: dict[str, Any]) -> str:
    (finding,) = audited(tiny(model, reg)).findings
    return "\n".join(finding.facts)


def idle(**values: Any) -> dict[str, Any]:
    return {"_target_": f"{__name__}.Idle", "strength": 0.5} | values


# --- acting, or not


@pytest.mark.parametrize(("model", "name"), [("mlp", "MLP"), ("resnet", "ResNet")])
def test_a_member_that_changes_nothing_is_refused_with_its_key_and_the_model(model: str, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        audited(tiny(model, {"dropout": reg_node("dropout"), "lazy": idle()}))
    assert str(caught.value) == (
        f"reg.lazy: changes nothing of {name} in 16 probe steps with strength=0.5; "
        "change these values, or take it out of the stack"
    )


def test_a_member_that_changes_nothing_within_a_stack_is_refused_too() -> None:
    with pytest.raises(ConfigError, match=r"^reg\..*lazy: changes nothing of MLP"):
        audited(tiny(reg={"s": {"lazy": idle()}}))


def test_a_member_at_its_off_value_is_said_to_be_off() -> None:
    found = audited(tiny(reg={"lazy": idle(strength=0.0), "dropout": reg_node("dropout", p=0.0)})).findings
    assert [(finding.name, finding.state) for finding in found] == [
        ("lazy", "off (strength=0.0)"),
        ("dropout", "off (p=0.0)"),
    ]


def test_each_member_is_found_under_its_name_in_order() -> None:
    reg = {"s": {"mixup": reg_node("mixup")}, "wide": reg_node("dropout"), "early_stopping": None}
    reg["early_stopping"] = reg_node("early_stopping")
    found = audited(tiny(reg=reg)).findings
    assert [(f.name, f.state) for f in found] == [
        ("mixup", "acts"),
        ("wide", "acts"),
        ("early_stopping", "rule"),
    ]
    assert [f.hooks for f in found] == [
        ["check_data", "transform_batch"],
        ["prepare_model"],
        ["end_epoch", "final_model"],
    ]


def test_the_baseline_has_no_findings() -> None:
    found = audited(tiny())
    assert (found.findings, found.warnings) == ([], [])


# --- what the audit leaves as it was


def trained(run: Any) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    records = [event.record.metrics for event in fit(run) if isinstance(event, EpochEnd)]
    return [
        {n: v for n, v in metrics.items() if not n.startswith("time/")} for metrics in records
    ], run.model.state_dict()


def test_the_run_itself_is_the_same_with_and_without_an_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audited_model.py").write_text(OWN_MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    config = tiny(reg={"mixup": reg_node("mixup"), "ema": reg_node("ema"), "l2": reg_node("l2")})
    config["model"] = {"_target_": "audited_model.Noisy"}
    records, weights = trained(build_run(config))
    before = build_run(config)
    start = {name: tensor.clone() for name, tensor in before.model.state_dict().items()}
    audited(config)
    assert all(torch.equal(tensor, start[name]) for name, tensor in before.model.state_dict().items())
    assert before.optimizer.state_dict()["state"] == {}
    assert before.clock.step == 0
    for run in (before, build_run(config)):
        again, others = trained(run)
        assert again == records
        assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())


# --- facts


@pytest.mark.parametrize("p", [0.3, 0.7])
def test_the_measured_share_of_dropout_is_near_p(p: float) -> None:
    said = [f for f in facts(dropout=reg_node("dropout", p=p)).splitlines() if ": dropped " in f]
    assert [fact.split(":")[0] for fact in said] == ["layers.0.hidden", "layers.1.hidden"]
    for fact in said:
        assert float(fact.split("dropped ")[1].split()[0]) == pytest.approx(p, abs=0.05)


def test_the_target_entropy_of_label_smoothing_is_that_of_the_definition() -> None:
    said = facts(label_smoothing=reg_node("label_smoothing", epsilon=0.1))
    # -0.9 log 0.9 - 9 * (0.1 / 9) log(0.1 / 9) = 0.09482 + 0.44998
    assert "target entropy 0.0000 -> 0.5448 nats" in said


def test_the_penalty_of_l2_is_half_the_strength_times_the_squares() -> None:
    # at a learning rate so small that the probe hardly moves the weights
    config = tiny(reg={"l2": reg_node("l2", mode="penalty", strength=0.5)}, lr=1e-5)
    layers = [m for m in build_run(config).model.modules() if isinstance(m, torch.nn.Linear)]
    squares = sum(layer.weight.detach().square().sum().item() for layer in layers)
    (said,) = [fact for fact in audited(config).findings[0].facts if fact.startswith("penalty ")]
    value, norm = (float(part.split()[-1]) for part in said.split(","))
    assert value == pytest.approx(0.25 * squares, rel=1e-3)  # strength / 2 * sum w^2
    assert norm == pytest.approx(0.5 * squares**0.5, rel=1e-3)  # of strength * w


def test_a_batch_that_is_changed_is_said_to_be() -> None:
    said = facts(mixup=reg_node("mixup", alpha=1.0, per="example"))
    assert "changed the inputs of 100% of the rows" in said or "changed the inputs of 9" in said
    assert "target entropy 0.0000 -> " in said


# --- warnings


def test_early_stopping_beside_an_annealing_schedule_is_warned_of() -> None:
    config = tiny(reg={"early_stopping": reg_node("early_stopping")})
    (said,) = audited(config).warnings
    assert said.startswith("early_stopping may end the run before the schedule has annealed")
    constant = config | {"schedule": {"_target_": "regbench.schedules.Constant"}}
    assert audited(constant).warnings == []
    off = config | {"reg": {"early_stopping": reg_node("early_stopping", patience=1_000_000_000)}}
    assert audited(off).warnings == []


@pytest.mark.parametrize(
    ("schedule", "values", "warned"),
    [
        (
            "Cosine",
            {},
            True,
        ),  # 40 epochs of 3 steps: decay 121/130, so the last 14 of 120, below 4 % of the peak
        ("Cosine", {"decay": 0.0}, False),
        ("Cosine", {"decay": 0.99, "warmup": False}, False),  # 100 of 120 steps: most of the run
        ("Constant", {}, False),
        ("Step", {}, True),
    ],
)
def test_an_average_of_weights_that_no_longer_move_is_warned_of(
    schedule: str, values: dict[str, Any], warned: bool
) -> None:
    fields = {"Cosine": {"warmup": 0.05}, "Step": {"milestones": [0.5, 0.75], "gamma": 0.1}}.get(schedule, {})
    config = tiny(reg={"ema": reg_node("ema", **values)}, epochs=40)
    config["schedule"] = {"_target_": f"regbench.schedules.{schedule}", **fields}
    said = audited(config).warnings
    assert [
        line.startswith("ema averages weights that the schedule has all but stopped") for line in said
    ] == ([True] * warned)


@pytest.mark.parametrize(
    ("name", "values", "degrees"),
    [
        ("rotation", {"degrees": 90.0}, "90"),
        ("rotation", {"degrees": 10.0}, ""),
        ("trivial_augment", {}, "135"),
        ("rand_augment", {}, "18"),  # twice 9/30 of 30
        ("rand_augment", {"num_ops": 1, "magnitude": 15}, ""),
        ("augmix", {}, "27"),  # three times 3/10 of 30
        ("augmix", {"depth": 1, "severity": 5}, ""),
    ],
)
def test_turns_that_may_change_the_label_of_a_digit_are_noted(
    name: str, values: dict[str, Any], degrees: str
) -> None:
    said = [fact for fact in facts(**{name: reg_node(name, **values)}).splitlines() if "may change" in fact]
    assert [fact.startswith(f"turns images by up to {degrees} degrees") for fact in said] == [True] * bool(
        degrees
    )
    photos = build_run(tiny(), build_stack({name: reg_node(name, **values)})).data.train
    (member,) = build_stack({name: reg_node(name, **values)}).members.values()
    member.check_data(replace(photos, mirrors=True))
    assert member.note() == ""


@pytest.mark.parametrize(
    ("where", "p", "warned"),
    [("all", 0.5, True), ("default", 0.5, False), ("all", 0.0, False), ([0], 0.5, True)],
)
def test_noise_before_a_batch_norm_is_warned_of(where: Any, p: float, warned: bool) -> None:
    said = audited(tiny("resnet", {"dropout": reg_node("dropout", where=where, p=p)})).warnings
    assert len(said) == int(warned)
    assert all(s.startswith("dropout adds noise before a batch normalization") for s in said)


BEFORE = "{} adds noise before a batch normalization"


@pytest.mark.parametrize(
    ("name", "values", "warned"),
    [
        ("dropconnect", {"layers": "dense", "mask": "batch", "p": 0.1}, True),  # in the weights of a layer
        ("dropconnect", {"layers": "dense", "mask": "gaussian"}, True),  # in a hook of it
        ("dropconnect", {"layers": "dense", "mask": "example"}, True),
        ("gaussian_dropout", {"target": "weight"}, True),
        ("gaussian_dropout", {"target": "weight", "per": "batch", "p": 0.1}, True),
        ("gaussian_dropout", {}, True),
        ("adaptive_dropout", {}, True),  # around the activation of layer 0
        ("adaptive_dropout", {"where": "last"}, False),
        ("adaptive_dropout", {"form": "learned"}, True),
        ("dropout", {"where": "input"}, True),
        ("dropout", {"where": "last"}, False),
        ("manifold_mixup", {"alpha": 1.0}, True),
        ("manifold_mixup", {"alpha": 1.0, "where": "last", "inputs": False}, False),
        ("ema", {}, False),
        ("l2", {"mode": "penalty"}, False),
        ("mixup", {}, False),  # of inputs, as every augmentation
        ("confidence_penalty", {}, False),
    ],
)
def test_noise_before_a_batch_norm_of_an_mlp_is_warned_of_wherever_it_acts(
    name: str, values: dict[str, Any], warned: bool
) -> None:
    config = tiny(reg={name: reg_node(name, **values)})
    config["model"]["norm"] = "batch"
    said = [line for line in audited(config).warnings if "batch normalization" in line]
    assert [line.startswith(BEFORE.format(name)) for line in said] == [True] * warned


@pytest.mark.parametrize(
    ("name", "values", "warned"),
    [
        ("stochastic_depth", {}, True),
        ("stochastic_depth", {"mode": "row", "p_last": 0.01}, True),
        ("dropblock", {}, True),  # at the sites of two stages
        ("spatial_dropout", {"where": "last"}, False),  # behind the last normalization
        ("dropconnect", {}, False),  # of the head
        ("dropconnect", {"layers": "conv", "p": 0.1}, True),
        ("gaussian_dropout", {"target": "weight", "p": 0.1}, True),
    ],
)
def test_noise_before_a_batch_norm_of_a_residual_net_is_warned_of(
    name: str, values: dict[str, Any], warned: bool
) -> None:
    said = audited(tiny("resnet", {name: reg_node(name, **values)})).warnings
    assert [line for line in said if line.startswith(BEFORE.format(name))] == said
    assert len(said) == int(warned)


def test_each_of_several_is_warned_of_by_what_it_does_itself() -> None:
    reg = {"dropout": reg_node("dropout", where="last"), "dropconnect": reg_node("dropconnect", p=0.1)}
    config = tiny(reg=reg | {"batch_norm": reg_node("batch_norm")})
    config["model"]["norm"] = "none"
    (said,) = audited(config).warnings
    assert said.startswith(BEFORE.format("dropconnect"))


@pytest.mark.parametrize(
    ("name", "values", "warned"),
    [
        ("dropconnect", {"mask": "batch"}, True),
        ("dropconnect", {"mask": "batch", "p": 0.3}, False),
        ("dropconnect", {}, False),
        ("gaussian_dropout", {"target": "weight", "per": "batch"}, True),
        ("gaussian_dropout", {"target": "weight", "per": "batch", "p": 0.2}, False),
        ("gaussian_dropout", {"target": "weight"}, False),
        ("gaussian_dropout", {"per": "batch"}, False),
    ],
)
def test_strong_noise_that_a_whole_batch_shares_is_warned_of(
    name: str, values: dict[str, Any], warned: bool
) -> None:
    said = audited(tiny(reg={name: reg_node(name, **values)})).warnings
    assert len(said) == int(warned)
    assert all(s.startswith(f"{name} draws one noise for all rows of a batch, at p=0.5,") for s in said)


@pytest.mark.parametrize(("width", "warned"), [(17, True), (16, False)])
@pytest.mark.parametrize("own", [True, False])
def test_channels_that_make_no_groups_are_named_whoever_normalizes(
    own: bool, width: int, warned: bool
) -> None:
    config = tiny(reg={} if own else {"group_norm": reg_node("group_norm")})
    config["model"] |= {"width": width, "norm": "group" if own else "none"}
    said = audited(config).warnings
    assert said == warned * [
        "the channels at layers.0.norm, layers.1.norm cannot be divided into groups of two or more: "
        "all are one group, which is layer normalization"
    ]


def test_noise_without_a_batch_norm_is_no_matter() -> None:
    config = tiny("resnet", {"dropout": reg_node("dropout", where="all")})
    config["model"]["norm"] = "group"
    assert audited(config).warnings == []


# --- cost


def test_operations_of_an_mlp_are_two_for_each_product_forward_and_four_backward() -> None:
    # 64 -> 16 -> 16 -> 10; the first layer need not compute the gradient of its inputs
    products = 64 * 16 + 16 * 16 + 16 * 10
    assert audited(tiny()).flops_per_example == pytest.approx(6 * products - 2 * 64 * 16, rel=0.01)


def test_two_passes_cost_twice_as_much() -> None:
    once, twice = audited(tiny()), audited(tiny(reg={"sam": reg_node("sam")}))
    assert twice.flops_per_example == pytest.approx(2 * once.flops_per_example, rel=0.01)


def test_two_of_a_kind_at_one_site_are_allowed_and_noted() -> None:
    both = {"one": reg_node("dropout", p=0.1), "two": reg_node("dropout", p=0.1)}
    (said,) = audited(tiny(reg=both)).warnings
    assert said.startswith("one and two are both Dropout at layers.0.hidden, layers.1.hidden")
    apart = {
        "one": reg_node("dropout", p=0.1, where="first"),
        "two": reg_node("dropout", p=0.1, where="last"),
    }
    assert audited(tiny(reg=apart)).warnings == []


def test_members_that_together_let_less_than_half_through_are_noted() -> None:
    """0.6 * 0.6 = 0.36 of the values survive, and 0.9 * 0.6 = 0.54."""
    much = {
        "dropout": reg_node("dropout", p=0.4),
        "spatial_dropout": reg_node("spatial_dropout", p=0.4, where="last"),
    }
    much["dropout"]["where"] = [-2]  # the last with a map
    config = tiny("resnet", much)
    config["model"]["norm"] = "none"
    said = audited(config).warnings
    assert any(line.startswith("dropout, spatial_dropout together let 0.3") for line in said), said
    config["reg"]["dropout"]["p"] = 0.1
    assert not [line for line in audited(config).warnings if "together" in line]


def test_one_whose_bound_nothing_passes_is_a_rule_and_an_error_where_it_would_never_act(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = {"_target_": f"{__name__}.Waiting", "strength": 0.5}
    (finding,) = audited(tiny(reg={"waiting": waiting})).findings
    assert finding.state == "rule"
    assert "nothing passes its bound in 16 probe steps; it waits" in finding.facts
    (finding,) = audited(tiny(reg={"waiting": waiting | {"strength": 0.2}})).findings
    assert finding.state == "acts"
    monkeypatch.setattr(Waiting, "edit_weights", Regularizer.edit_weights)
    with pytest.raises(ConfigError, match=r"^reg\.waiting: changes nothing of MLP in 16 probe steps with "):
        audited(tiny(reg={"waiting": waiting}))
