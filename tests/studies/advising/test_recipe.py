"""The lines that an advice gives are run, and train what the command trains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import yaml
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from regbench.analysis.advising import Side
from regbench.composition.command_line import CommandLine
from regbench.composition.composer import Composer
from regbench.studies.advising.recipe import recipe_of
from tests.reports.advices import PLAN


def side(words: list[str], values: dict[str, Any]) -> Side:
    return Side("x", words, list(values), values, None, None)


SGD = side(
    ["+reg=[dropout,l2]", "reg.dropout.p=0.25", "reg.l2.strength=0.001", "train.lr=0.2"],
    {"dropout": {"p": 0.25}, "l2": {"strength": 0.001}},
)
ADAMW = side(
    ["+reg=[sam,mixup,early_stopping]", "train.lr=0.002"], {"sam": {}, "mixup": {}, "early_stopping": {}}
)


@pytest.mark.parametrize(
    ("line", "one"), [([], SGD), (["optimizer=adamw", "schedule=constant"], ADAMW)], ids=["sgd", "adamw"]
)
def test_the_lines_train(line: list[str], one: Side) -> None:
    words = ["dataset.num_train=90", "model.width=8", "train.epochs=2", *line]
    made = recipe_of(one, _plan(words), CommandLine(tuple(words)), Composer(None))
    assert made.command.startswith("regbench train dataset.num_train=90")
    assert all(word in made.command for word in one.words)
    config = yaml.safe_load(made.yaml)
    assert list(config["reg"]) == one.members
    rows = torch.rand(64, 1, 8, 8), torch.arange(64) % 10
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    before = model[1].weight.detach().clone()
    names: dict[str, Any] = {
        "model": model,
        "loader": DataLoader(TensorDataset(*rows), batch_size=32),
        "select": rows,
    }
    exec(made.python, names)
    assert names["applied"].step_count == 4  # two epochs of two batches
    assert list(names["stack"].members) == one.members
    assert not torch.equal(names["model"][1].weight, before)
    rate = float(one.words[-1].partition("=")[2])
    assert names["optimizer"].defaults["lr"] == rate == config["train"]["lr"]
    for member, values in one.values.items():
        for key, value in values.items():
            assert getattr(names["stack"].members[member], key) == value


def _plan(words: list[str]) -> Any:
    return replace(PLAN, line=words)
