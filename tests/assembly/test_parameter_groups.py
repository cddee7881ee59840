"""Groups of parameters: who learns at which rate, in numbers worked out by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from regbench.assembly.parameter_groups import grouped
from regbench.assembly.run import build_run
from regbench.composition.settings import TrainSettings
from regbench.errors import ConfigError
from regbench.nn.tying import tie
from regbench.optimizers import LR_FACTOR, innermost
from regbench.records.identity import identity
from regbench.training.loop import EpochEnd, Run, fit, train_epoch
from regbench.training.probe import Probe
from tests.conftest import compose, reg_node, tiny


def settings(**values: Any) -> TrainSettings:
    return TrainSettings(
        **({"epochs": 1, "batch_size": 2, "lr": 0.5, "accumulate": 1, "evaluate_every": 1} | values)
    )


def three_layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2), nn.Linear(2, 2))


def factors(model: nn.Module, **values: Any) -> dict[str, float]:
    """The factor of each parameter by its name; the rates must be these times 0.5."""
    called = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = grouped(model, settings(**values)).params
    assert [group["lr"] for group in groups] == [0.5 * group[LR_FACTOR] for group in groups]
    held = {called[id(p)]: group[LR_FACTOR] for group in groups for p in group["params"]}
    assert held.keys() == set(called.values())
    return held


def test_without_factors_there_are_no_groups() -> None:
    model = three_layers()
    found = grouped(model, settings())
    assert found.note == ""
    assert [id(one) for one in found.params] == [id(one) for one in model.parameters()]
    assert [id(one) for one in grouped(model, settings(lr_factors={})).params] == [
        *map(id, model.parameters())
    ]


def test_a_glob_gives_its_factor_and_the_rest_learns_at_the_full_rate() -> None:
    assert factors(three_layers(), lr_factors={"3": 10, "0.bias": 0.5}) == {
        **{"0.weight": 1, "0.bias": 0.5, "1.weight": 1, "1.bias": 1, "2.weight": 1, "2.bias": 1},
        **{"3.weight": 10, "3.bias": 10},
    }


def test_each_layer_below_the_head_learns_at_the_factor_of_the_one_above_it() -> None:
    assert factors(three_layers(), layerwise_lr_decay=0.5) == {
        **{
            "0.weight": 0.25,
            "0.bias": 0.25,
            "1.weight": 0.25,
            "1.bias": 0.25,
        },  # the norm is of the layer below it
        **{"2.weight": 0.5, "2.bias": 0.5, "3.weight": 1, "3.bias": 1},
    }


def test_both_are_multiplied() -> None:
    held = factors(three_layers(), layerwise_lr_decay=0.5, lr_factors={"0.*": 3, "3": 8})
    assert (held["0.weight"], held["1.weight"], held["2.weight"], held["3.weight"]) == (0.75, 0.25, 0.5, 8)


def test_any_name_of_a_tied_tensor_gives_it_its_factor() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tie(model, [["0.weight", "1.weight"]])
    assert factors(model, lr_factors={"1.weight": 2})["0.weight"] == 2


def test_says_how_many_layers_and_tensors_there_are() -> None:
    said = grouped(three_layers(), settings(layerwise_lr_decay=0.1, lr_factors={"3": 2})).note
    assert said == "3 layers, factors of the learning rate: 0.01 (4 tensors), 0.1 (2 tensors), 2 (2 tensors)"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"lr_factors": {"4": 2}}, "lr_factors must name parameters, and '4' names none"),
        (
            {"lr_factors": {"0": 2, "*.bias": 2}},
            "lr_factors must name each parameter once, and '0' and '*.bias' both name 0.bias",
        ),
        (
            {"lr_factors": {"0": 0}},
            "lr_factors must be above 0, got 0.0 of 0; model.freeze names what is not to be trained",
        ),
        (
            {"lr_factors": {"0": -1}},
            "lr_factors must be above 0, got -1.0 of 0; model.freeze names what is not to be trained",
        ),
        ({"lr_factors": {"0": "x"}}, "lr_factors of 0 must be a number, got 'x'"),
        ({"lr_factors": {"0": True}}, "lr_factors of 0 must be a number, got true"),
        ({"lr_factors": ["0"]}, "lr_factors must be factors by glob, {head.*: 10}, got ['0']"),
        ({"layerwise_lr_decay": 0.0}, "layerwise_lr_decay must lie in (0, 1], got 0.0"),
        ({"layerwise_lr_decay": 1.5}, "layerwise_lr_decay must lie in (0, 1], got 1.5"),
    ],
)
def test_what_is_wrong_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        grouped(three_layers(), settings(**values))
    assert str(raised.value) == f"train: {said}"


def test_layers_of_which_there_is_one_cannot_learn_at_several_rates() -> None:
    with pytest.raises(
        ConfigError, match=r"^train: layerwise_lr_decay needs a model of two layers or more, and Linear"
    ):
        grouped(nn.Linear(2, 2), settings(layerwise_lr_decay=0.5))


# in a run

DECAYED = {"layerwise_lr_decay": 0.5, "lr_factors": {"head.bias": 3.0}}


def sgd_step(run: Run) -> dict[str, torch.Tensor]:
    """How far each parameter goes in the run's first update, by its plain name."""
    before = {name: one.detach().clone() for name, one in run.model.named_parameters()}
    next(iter(train_epoch(run, 0)))
    return {n.removeprefix("net."): one.detach() - before[n] for n, one in run.model.named_parameters()}


def plain_sgd(**train: Any) -> dict[str, Any]:
    config = tiny(**train)
    return config | {"optimizer": {"_target_": "torch.optim.SGD", "lr": 0.05}}


def test_a_step_of_sgd_is_the_plain_one_times_the_factor() -> None:
    plain, decayed = sgd_step(build_run(plain_sgd())), sgd_step(build_run(plain_sgd(**DECAYED)))
    for name, factor in {
        "layers.0.linear.weight": 0.25,
        "layers.1.linear.bias": 0.5,
        "head.weight": 1.0,
        "head.bias": 3.0,
    }.items():
        assert plain[name].abs().max() > 0
        torch.testing.assert_close(decayed[name], factor * plain[name], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("members", [[], ["sam"], ["l2"], ["l1"], ["elastic_net"], ["ema", "dropconnect"]])
def test_every_group_keeps_its_factor_through_the_schedule_beside_members(members: list[str]) -> None:
    run = build_run(tiny(reg={name: reg_node(name) for name in members}, **DECAYED))
    for _ in train_epoch(run, 1):
        groups = innermost(run.optimizer).param_groups
        rates = {group["lr"] / group[LR_FACTOR] for group in groups}
        assert len(groups) == 4
        assert max(rates) == pytest.approx(min(rates))
        assert 0 < max(rates) < run.lr


def test_the_audit_probes_at_these_rates() -> None:
    run = build_run(tiny(**DECAYED))
    Probe(run)
    assert sorted(group["lr"] for group in run.optimizer.param_groups) == pytest.approx(
        [0.25 * run.lr, 0.5 * run.lr, run.lr, 3 * run.lr]
    )


def test_factors_of_one_change_nothing_to_the_bit() -> None:
    def weights(**train: Any) -> dict[str, torch.Tensor]:
        run = build_run(tiny(**train))
        list(fit(run))
        return run.model.state_dict()

    plain, ones = weights(), weights(lr_factors={"layers.0": 1.0})
    assert all(torch.equal(one, ones[name]) for name, one in plain.items())


@pytest.mark.parametrize("members", [[], ["l2", "sam"]])
def test_a_run_that_is_taken_up_again_goes_on_at_the_same_rates(members: list[str]) -> None:
    config = tiny(reg={name: reg_node(name) for name in members}, **DECAYED)
    whole, first, second = build_run(config), build_run(config), build_run(config)
    list(fit(whole))
    events = fit(first)
    record = next(event.record for event in events if isinstance(event, EpochEnd))
    kept = copy.deepcopy([first.model.state_dict(), first.optimizer.state_dict(), first.reg.state_dict()])
    second.model.load_state_dict(kept[0])
    second.optimizer.load_state_dict(kept[1])
    second.reg.load_state_dict(kept[2])
    list(fit(second, [record]))
    assert all(torch.equal(one, second.model.state_dict()[n]) for n, one in whole.model.state_dict().items())


def test_the_line_takes_globs_as_they_are() -> None:
    config = compose("train.lr_factors={layers.0.*:0.1,head:2}", "train.layerwise_lr_decay=0.5")
    assert config["train"]["lr_factors"] == {"layers.0.*": 0.1, "head": 2}


def test_one_glob_is_the_list_of_it() -> None:
    assert (
        identity(compose("model.freeze=head"))
        == identity(compose("model.freeze=[head]"))
        != identity(compose())
    )
