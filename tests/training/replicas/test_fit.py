"""Several runs in one stack leave what each would have left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from regbench.assembly.run import build_run
from regbench.training.loop import StepEnd
from regbench.training.replicas.events import ReplicaEnd
from regbench.training.replicas.fit import fit_stack
from tests.conftest import reg_node
from tests.training.replicas.side_by_side import (
    assert_as_alone,
    assert_same,
    assert_same_state,
    configs,
    double_precision,
    trained_alone,
    trained_at_once,
)


def four(seed: int) -> dict[str, Any]:
    """Four members, each of whose numbers is another in each run."""
    return {
        "dropout": reg_node("dropout", p=0.1 + 0.1 * seed),
        "mixup": reg_node("mixup", alpha=0.2 + 0.3 * seed),
        "label_smoothing": reg_node("label_smoothing", epsilon=0.05 * (seed + 1)),
        "l2": reg_node("l2", strength=0.001 * (seed + 1)),
    }


def test_seeds_alone_differ() -> None:
    assert_as_alone(configs(lambda _: {}))


def test_numbers_of_members_differ() -> None:
    assert_as_alone(configs(four))


@pytest.mark.parametrize("model", ["resnet", "transformer"])
def test_other_models(model: str) -> None:
    assert_as_alone(configs(four, model, count=2))


@pytest.mark.parametrize(
    "optimizer",
    [
        {"_target_": "torch.optim.SGD"},
        {"_target_": "torch.optim.AdamW", "weight_decay": 0.0},
        {"_target_": "torch.optim.RMSprop", "momentum": 0.5},
    ],
)
def test_learning_rates_and_schedules_differ(optimizer: dict[str, Any]) -> None:
    made = configs(four)
    for seed, config in enumerate(made):
        config["train"]["lr"] = 0.01 * (seed + 1)
        config["optimizer"] = optimizer
    made[1]["schedule"] = {"_target_": "regbench.schedules.Cosine", "warmup": 0.2}
    assert_as_alone(made)


def test_lengths_differ() -> None:
    made = configs(four)
    made[1]["train"]["epochs"] = 1
    assert [len(records) for records in assert_as_alone(made)] == [2, 1, 2]


def test_steps_of_several_micro_batches() -> None:
    assert_as_alone(configs(four, accumulate=3))


def test_one_run_is_stopped_and_the_others_go_on() -> None:
    def stopping(seed: int) -> dict[str, Any]:
        impatient = reg_node("early_stopping", patience=1, min_delta=1000.0)
        return four(seed) | {"early_stopping": impatient | {"patience": 1 if seed == 1 else 50}}

    records = assert_as_alone(configs(stopping, epochs=4))
    assert [len(one) for one in records] == [4, 2, 4]


def test_one_run_diverges_and_the_others_do_not_notice() -> None:
    made = configs(four)
    made[1]["train"]["lr"] = 1e30
    with double_precision():
        runs = list(map(build_run, made))
        ends = [event for event in fit_stack(runs, [[], [], []]) if isinstance(event, ReplicaEnd)]
        lost = [end for end in ends if end.event is None]
        assert [(end.index, bool(end.diverged)) for end in lost] == [(1, True)]
        alone = [build_run(made[0]), build_run(made[2])]
        for index, run, expected in zip((0, 2), alone, trained_alone(alone), strict=True):
            assert_same([e.event.record for e in ends if e.index == index and e.event], expected)
            assert_same_state(runs[index], run)


@pytest.mark.parametrize("optimizer", ["torch.optim.SGD", "torch.optim.Adam"])
def test_a_stack_goes_on_from_states_of_its_runs(optimizer: str) -> None:
    made = configs(lambda seed: four(seed) | {"ema": reg_node("ema")}, epochs=3)
    for config in made:
        config["optimizer"] = {"_target_": optimizer}
    with double_precision():
        whole = list(map(build_run, made))
        expected = trained_at_once(whole)
        begun, resumed = list(map(build_run, made)), list(map(build_run, made))
        states = []
        for event in fit_stack(begun, [[], [], []]):
            if isinstance(event, ReplicaEnd):
                run = begun[event.index]
                states.append([run.model.state_dict(), run.optimizer.state_dict(), run.reg.state_dict()])
                states[-1] = torch.utils._pytree.tree_map(_kept, states[-1])
                if len(states) == len(made):
                    break
        for run, (model, state, reg) in zip(resumed, states, strict=True):
            run.model.load_state_dict(model)
            run.optimizer.load_state_dict(state)
            run.reg.load_state_dict(reg)
        found = trained_at_once(resumed, [records[:1] for records in expected])
        for k in range(len(made)):
            assert_same(found[k], expected[k][1:])
            assert_same_state(resumed[k], whole[k])


def _kept(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def test_what_is_told() -> None:
    runs = list(map(build_run, configs(lambda _: {}, count=2)))
    events = list(fit_stack(runs, [[], []]))
    steps = [event for event in events if isinstance(event, StepEnd)]
    assert steps == [StepEnd(epoch, step, 3) for epoch in range(2) for step in range(3)]
    ends = [event for event in events if isinstance(event, ReplicaEnd)]
    assert [end.index for end in ends] == [0, 1, 0, 1]
    assert [end.event.record.epoch for end in ends if end.event] == [1, 1, 2, 2]


def test_afterwards_no_run_holds_what_is_of_another() -> None:
    runs = list(map(build_run, configs(lambda _: {}, count=2)))
    trained_at_once(runs)
    for run in runs:
        for tensor in run.model.state_dict().values():
            assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
