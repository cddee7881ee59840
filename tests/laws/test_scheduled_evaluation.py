"""A number that evaluation reads too has there its value of the epoch's last step, also once it is loaded.

The oracle is a model that was built with that number, no schedule near it, and given the same weights.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.assembly.trained import _built
from regbench.training.loop import EpochEnd, Run, fit
from regbench.weights import plain_state
from tests.conftest import reg_node
from tests.laws.test_contract import MODELS, config_for, refusal, shared
from tests.laws.test_strengths import from_to

# member, fields that evaluation reads, other settings
CASES: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("adaptive_dropout", ("share", "alpha", "beta"), {"beta": 1.0}),
    ("adaptive_dropout", ("share",), {"form": "learned"}),
    ("dropconnect", ("p",), {"scale": "classic"}),
    ("dropconnect", ("p",), {"scale": "classic", "mask": "batch"}),
    ("dropconnect", ("p",), {"inference": "closed"}),
    ("dropconnect", ("p",), {"inference": "gaussian", "samples": 3}),
    ("dropout", ("p",), {"mode": "classic"}),
    ("shake_drop", ("p_last",), {}),
    ("spectral_norm", ("bound",), {}),
    ("stochastic_depth", ("p_last",), {"form": "huang"}),
    ("zoneout", ("state", "memory"), {}),
]
NAMED = pytest.mark.parametrize(("name", "fields", "others"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
EPOCHS, STEPS = 3, 3  # of a tiny run


def config_of(name: str, node: dict[str, Any], **more: Any) -> dict[str, Any]:
    home = next(model for model in MODELS if not refusal(name, model))
    return config_for(home, {name: node} | more, epochs=EPOCHS)


def scheduled(name: str, fields: tuple[str, ...], others: dict[str, Any], to: float) -> dict[str, Any]:
    """The node of a member whose fields go from their own value to a multiple of it."""
    node = reg_node(name, **others)
    return node | {field: from_to(node[field], to * node[field]) for field in fields}


def after_one_epoch(config: dict[str, Any]) -> tuple[Run, Any]:
    run = build_run(config)
    return run, next(event.evaluated for event in fit(run) if isinstance(event, EpochEnd))


def outputs(model: Any, run: Run) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(run.data.val.inputs)


def plain(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value for key, value in state.items() if "scheduled_" not in key}


@NAMED
def test_evaluation_has_the_value_of_the_last_step(name: str, fields: Any, others: dict[str, Any]) -> None:
    run, evaluated = after_one_epoch(config_of(name, scheduled(name, fields, others, to=0.5)))
    done = (STEPS - 1) / (EPOCHS * STEPS - 1)  # the epoch's last step, on the way from 1 to a half
    node = reg_node(name, **others)
    by_hand = {field: node[field] + (0.5 * node[field] - node[field]) * done for field in fields}
    same, started = (build_run(config_of(name, node | values)) for values in (by_hand, {}))
    for one in (same, started):
        one.model.load_state_dict(plain(run.model.state_dict()))
    found = outputs(evaluated, run)
    assert torch.equal(found, outputs(same.model, run))
    assert not torch.equal(found, outputs(started.model, run))


@NAMED
def test_what_is_loaded_computes_as_what_was_saved(name: str, fields: Any, others: dict[str, Any]) -> None:
    config = config_of(name, scheduled(name, fields, others, to=0.5))
    run, evaluated = after_one_epoch(config)
    shape = {"in_shape": tuple(run.data.val.inputs.shape[1:]), "num_classes": run.data.train.num_classes}
    state = shape | {"vocabulary": run.data.train.vocabulary}
    loaded = _built(Path("run"), config, state, copy.deepcopy(plain_state(evaluated)), "last")
    assert torch.equal(outputs(loaded, run), outputs(evaluated, run))


@NAMED
def test_a_constant_schedule_is_the_number_to_the_bit(name: str, fields: Any, others: dict[str, Any]) -> None:
    runs = [
        build_run(config_of(name, node))
        for node in (scheduled(name, fields, others, to=1.0), reg_node(name, **others))
    ]
    one, other = ([e.record for e in fit(run) if isinstance(e, EpochEnd)] for run in runs)
    assert shared(one) == shared(other)
    states = [plain(run.model.state_dict()) for run in runs]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert torch.equal(*(outputs(run.model, run) for run in runs))


@NAMED
def test_of_bfloat16_too(name: str, fields: Any, others: dict[str, Any]) -> None:
    nodes = (scheduled(name, fields, others, to=1.0), reg_node(name, **others))
    found = []
    for node in nodes:
        run = build_run(config_of(name, node))
        with torch.autocast("cpu", torch.bfloat16):
            found.append(outputs(run.model, run))
    assert torch.equal(*found)


@pytest.mark.parametrize("averaging", ["ema", "swa", "snapshot"])
def test_where_weights_are_averaged_what_is_loaded_is_what_was_evaluated(averaging: str) -> None:
    more = {"ema": {"decay": 0.5, "warmup": False}, "swa": {"start": 0.0}, "snapshot": {"cycles": 6}}[
        averaging
    ]
    node = scheduled("dropout", ("p",), {"mode": "classic"}, to=0.5)
    config = config_of("dropout", node, **{averaging: reg_node(averaging, **more)})
    run, evaluated = after_one_epoch(config)
    loaded = build_run(config).model
    loaded.load_state_dict(copy.deepcopy(evaluated.state_dict()))
    assert torch.equal(outputs(loaded, run), outputs(evaluated, run))


def test_an_average_of_weights_has_the_average_of_the_number() -> None:
    """Of p = 0.4, then 0.2 after one more step, both with half the weight."""
    node = reg_node("dropout", mode="classic", p=from_to(0.4, 0.2))
    ema = reg_node("ema", decay=0.5, warmup=False)
    config = config_of("dropout", node, ema=ema)
    config["train"] |= {"epochs": 1, "batch_size": 49}  # of 97 rows: two steps
    _, evaluated = after_one_epoch(config)
    kept = [value for key, value in evaluated.state_dict().items() if key.endswith("scheduled_p")]
    assert [value.item() for value in kept] == pytest.approx([0.3] * len(kept), abs=1e-12)
    assert kept
