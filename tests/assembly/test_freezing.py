"""What is frozen stays to the bit, running statistics too, and what is not trains."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from regbench.assembly.freezing import freeze
from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.nn.tying import tie
from regbench.training.loop import fit
from tests.conftest import reg_node, tiny


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False))
    )


def frozen(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        ([], set()),
        ("0.weight", {"0.weight"}),
        (["0", "1.bias"], {"0.weight", "0.bias", "1.bias"}),
        (["*.bias"], {"0.bias", "1.bias", "2.0.bias"}),
        (["2"], {"2.0.weight", "2.0.bias"}),
        (["[01].w*"], {"0.weight", "1.weight"}),
    ],
)
def test_a_glob_names_parameters_or_modules(globs: Any, names: set[str]) -> None:
    model = net()
    freeze(model, {"freeze": globs})
    assert frozen(model) == names


def test_any_name_of_a_tied_tensor_will_do() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tie(model, [["0.weight", "1.weight"]])
    freeze(model, {"freeze": ["1.weight"]})
    assert frozen(model) == {"0.weight"}


@pytest.mark.parametrize(
    ("globs", "said"),
    [
        (["0", "layer"], "freeze must name parameters, and 'layer' names none"),
        (["2.1"], "freeze must name parameters, and '2.1' names none; did you mean '2.0'?"),
        (
            ["2.0.weigth"],
            "freeze must name parameters, and '2.0.weigth' names none; did you mean '2.0.weight'?",
        ),
        (["*"], "freeze must leave parameters to train, and names each of the 6"),
        ([["a"]], r"freeze must be a word, got ['a']"),
        ({"a": 1}, "freeze must be a list, got {'a': 1}"),
    ],
)
def test_what_names_nothing_or_everything_is_refused(globs: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        freeze(net(), {"freeze": globs})
    assert str(raised.value) == f"model: {said}"


def moved(model: nn.Sequential) -> list[bool]:
    """Whether the running mean of each of the two normalizations moves in training."""
    before = [model[1].running_mean.clone(), model[2][1].running_mean.clone()]
    model.train()
    model(torch.randn(16, 4) + 3)
    return [
        not torch.equal(*pair)
        for pair in zip(before, [model[1].running_mean, model[2][1].running_mean], strict=True)
    ]


def test_statistics_rest_where_all_of_a_normalization_or_of_what_is_around_it_is_frozen() -> None:
    for globs, moving in {
        "0.*": [True, True],
        "1.weight": [True, True],
        "1": [False, True],
        "2": [True, False],
    }.items():
        model = net()
        freeze(model, {"freeze": globs})
        assert moved(model) == moving, globs
        assert moved(copy.deepcopy(model)) == moving, "and so in a copy"


def test_a_resting_normalization_computes_as_in_evaluation() -> None:
    model = net()
    freeze(model, {"freeze": ["1", "2"]})
    rows = torch.randn(8, 4)
    assert torch.equal(model.train()(rows), model.eval()(rows))


@pytest.mark.parametrize("members", [[], ["l2", "sam"], ["l1", "dropout"], ["l2_sp", "dropconnect"]])
def test_a_whole_run_leaves_what_is_frozen_to_the_bit(members: list[str]) -> None:
    config = tiny("resnet", {name: reg_node(name) for name in members})
    run = build_run(config | {"model": config["model"] | {"freeze": ["stem", "blocks.0", "blocks.1"]}})
    before = copy.deepcopy(run.model.state_dict())
    list(fit(run))
    changed = {name for name, one in run.model.state_dict().items() if not torch.equal(one, before[name])}
    still = {name for name in before if name.startswith(("net.stem", "net.blocks.0", "net.blocks.1", "norm"))}
    assert still & changed == set()
    assert {n for n in before if n.endswith(("running_mean", "weight", "original"))} - still <= changed
