"""A field that a member says it follows acts in each step as a run built with that number would.

The member is made at one value and told another before the first step; from there on nothing may show which
value it was made with.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.composition.kinds import takes_number
from regbench.errors import ConfigError
from regbench.instantiation.signatures import hints_of
from regbench.training.loop import Run, batch_order, begin_step, train_step
from tests.conftest import all_regs, reg_node
from tests.laws.test_contract import MODELS, cls_of, config_for, on, refusal, same_tensors

FIELDS = [(name, field) for name in all_regs() for field in cls_of(name).follows]
SETTINGS: dict[str, dict[str, Any]] = {  # where the defaults leave a field without effect
    "elastic_net.alpha": {"l1_ratio": 0.5, "alpha": 0.1},
    "elastic_net.l1_ratio": {"l1_ratio": 0.5, "alpha": 0.1},
    "elastic_net.strength_l2": {"strength_l2": 0.1},
    "flooding.level": {"level": 3.0},
    "gradient_clipping.limit": {"limit": 0.1},
    "lookahead.alpha": {"k": 1},
    "max_norm.c": {"c": 0.3},
    "sample_pairing.p": {"until": 1.0},
    "stochastic_depth.p_last": {"form": "rescale", "mode": "row"},
    "translation.fraction": {"fraction": 0.4},
}
UNSEEN = {  # what grey images, a model without a new layer, the first of two generations, and rows that were
    # seen once cannot show
    "color_jitter.saturation",
    "color_jitter.hue",
    "l2_sp.head_strength",
    "self_distillation.temperature",
    "temporal_ensembling.decay",
}
NEVER = [
    (name, field)
    for name in all_regs()
    for field, hint in hints_of(cls_of(name)).items()
    if field in reg_node(name) and takes_number(hint) and field not in cls_of(name).follows
]


def from_to(start: float, end: float) -> dict[str, Any]:
    return {"_target_": "regbench.strengths.Ramp", "start": start, "end": end, "over": 1.0}


def settings(name: str, field: str) -> dict[str, Any]:
    return on(name) | SETTINGS.get(f"{name}.{field}", {})


def pair(name: str, field: str) -> tuple[float, float]:
    """Two legal values: the one farther from off, and one nearer."""
    value = settings(name, field)[field]
    off = cls_of(name).off.get(field, 0)
    far = value if value else {"flip": 1.0, "padding": 2, "size": 4, "gamma": 2.3}.get(field, 0.4)
    near = 2 * far if off is None else (far + off) / 2
    if hints_of(cls_of(name))[field] in (int, int | None):
        far, near = (far, int(near)) if int(near) not in (off, far) else (far + 1, far)
    return far, near


def stepped(config: dict[str, Any]) -> tuple[list[Any], dict[str, torch.Tensor]]:
    """The terms and weights of the run's last two steps, made first."""
    run: Run = build_run(config)
    run.model.train()
    run.reg.begin_epoch(0.9)
    rows = batch_order(run, 0)[0]  # twice, for who acts on rows that it has seen
    terms = []
    for step in (6, 7):
        begin_step(run, 7, 8)  # the last: a ramp is at its end
        run.clock.step = step
        terms.append(train_step(run, run.data.train[rows]))
    evaluated = run.reg.eval_model(run.model).state_dict()
    return terms, {key: value.clone() for key, value in evaluated.items()}


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_acts_as_if_made_with_the_value_of_the_step(name: str, field: str) -> None:
    far, near = pair(name, field)
    home = next(model for model in MODELS if not refusal(name, model))
    other = settings(name, field)
    expected = stepped(config_for(home, {name: other | {field: near}}))
    found = stepped(config_for(home, {name: other | {field: from_to(far, near)}}))
    assert all(same_tensors(one, two) for one, two in zip(found[0], expected[0], strict=True))
    assert same_tensors(found[1], expected[1])
    made_with = stepped(config_for(home, {name: other | {field: far}}))
    assert f"{name}.{field}" in UNSEEN or not same_tensors(found[1], made_with[1])


@pytest.mark.parametrize(("name", "field"), NEVER)
def test_a_field_that_would_not_follow_is_refused_by_name(name: str, field: str) -> None:
    value = reg_node(name)[field] or 1
    with pytest.raises(ConfigError, match=rf"^reg\.{name}: .*{field} must be .*") as caught:
        build_stack({name: reg_node(name, **{field: from_to(value, value)})})
    assert "schedule" in str(caught.value) or reg_node(name)[field] is None
