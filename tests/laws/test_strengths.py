"""A field that a member says it follows acts in each step as a run built with that number would.

The member is made at one value and told another before the first step; from there on nothing may show which
value it was made with.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.composition.kinds import takes_number
from regbench.errors import ConfigError
from regbench.instantiation.signatures import hints_of
from regbench.training.loop import Run, batch_order, begin_step, train_step
from tests.conftest import all_regs, reg_node, tiny
from tests.laws.test_contract import MODELS, cls_of, config_for, on, refusal, same_tensors

FIELDS = [(name, field) for name in all_regs() for field in cls_of(name).follows]
SETTINGS: dict[str, dict[str, Any]] = {  # where the defaults leave a field without effect
    "augmix.depth": {"depth": 3},
    "ema.decay": {"warmup": False},
    "elastic_net.alpha": {"l1_ratio": 0.5, "alpha": 0.1},
    "elastic_net.l1_ratio": {"l1_ratio": 0.5, "alpha": 0.1},
    "elastic_net.strength_l2": {"strength_l2": 0.1},
    "flooding.level": {"level": 3.0},
    "gradient_clipping.eps": {"mode": "adaptive", "limit": 0.001, "eps": 10.0},
    "gradient_clipping.limit": {"limit": 0.1},
    "lookahead.alpha": {"k": 1},
    "max_norm.c": {"c": 0.3},
    "sample_pairing.p": {"until": 1.0},
    "stochastic_depth.p_last": {"form": "rescale", "mode": "row"},
    "translation.fraction": {"fraction": 0.4},
}
UNSEEN = {  # what grey images, a model without a new layer, the first of two generations, rows that were seen
    # once, and a step cannot show
    "color_jitter.saturation",
    "color_jitter.hue",
    "early_stopping.min_delta",
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
    return terms, tensors_of(run.reg.eval_model(run.model).state_dict()) | tensors_of(run.reg.state_dict())


def tensors_of(state: Any, at: str = "") -> dict[str, torch.Tensor]:
    """Copies of the tensors and numbers in a state, by where in it they stand; not those of schedules."""
    if isinstance(state, torch.Tensor | float):
        return {} if "scheduled_" in at else {at: torch.as_tensor(state).clone()}
    parts = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else ()
    return {key: value for name, part in parts for key, value in tensors_of(part, f"{at}/{name}").items()}


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
    assert field in cls_of(name).fixed, "a number is named in follows, or fixed says why it cannot be"
    why = re.escape(cls_of(name).fixed[field])
    said = rf"^reg\.{name}: {field} must be a number and cannot follow a schedule, as {why}; .* can$"
    with pytest.raises(ConfigError, match=said):
        build_stack({name: reg_node(name, **{field: from_to(value, value)})})


@pytest.mark.parametrize("name", all_regs())
def test_what_is_said_of_a_field_is_said_of_one_that_takes_a_number_and_once(name: str) -> None:
    cls, hints = cls_of(name), hints_of(cls_of(name))
    said = [*cls.follows, *cls.fixed]
    assert len(said) == len(set(said))
    assert all(takes_number(hints[field]) for field in said)


@pytest.mark.parametrize("name", dict(FIELDS))
def test_off_throughout_is_off(name: str) -> None:
    """Not a module, not a draw; of a field that is no number at off there is no such schedule."""
    cls = cls_of(name)
    ramps = {
        f: from_to(value, value) for f, value in cls.off.items() if f in cls.follows and value is not None
    }
    if not ramps:
        pytest.skip("its off value is no number")
    run = build_run(tiny(reg={name: reg_node(name, **cls.off | ramps)}))
    assert all(leaf.is_off for _, leaf in run.reg.leaves())
    assert str(run.model) == str(build_run(tiny()).model)
    assert not [key for key in run.model.state_dict() if "scheduled_" in key]
