"""Every regularizer, at the values of its YAML, lets every family of models that it accepts learn."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest

from regbench.build import build_run
from regbench.errors import ConfigError
from regbench.training import Diverged, EpochEnd, fit

from .conftest import SENTENCES, all_regs, compose, reg_node

DIGITS = ["dataset.num_train=300", "train.epochs=20"]
TOKENS = ["model=transformer", "model.width=16", "model.depth=1", "model.heads=2"]
FAMILIES = {
    "mlp": ["model=mlp", "model.width=32", *DIGITS],
    "cnn": ["model=cnn", "model.width=4", *DIGITS],
    "resnet": ["model=resnet", "model.depth=8", "model.width=4", "dataset.num_train=300", "train.epochs=6"],
    "rnn": ["model=rnn", "model.width=16", *DIGITS],
    "transformer": [*TOKENS, *DIGITS],
    "rnn on text": ["model=rnn", "model.width=16", "model.embedding=16", *SENTENCES, "train.epochs=20"],
    "transformer on text": [*TOKENS, *SENTENCES, "train.epochs=20"],
}
# the strongest that a batch of 32 is trained at; nesterov and cosine as in configs/
RECIPE = ["train.lr=0.1", "train.batch_size=32", "threads=1", "device=cpu"]


def config_for(family: str, reg: dict[str, Any]) -> dict[str, Any]:
    config = compose(*FAMILIES[family], *RECIPE)
    config["train"]["evaluate_every"] = config["train"]["epochs"]
    if "norm" in config["model"] and any("enabled" in node for node in reg.values()):
        config["model"]["norm"] = "none"  # a normalization is judged where the model has none of its own
    return config | {"reg": reg}


def reached(family: str, reg: dict[str, Any]) -> float:
    """Accuracy on clean train rows after the last epoch; 0 where a loss became infinite."""
    try:
        (record,) = [
            event.record
            for event in fit(build_run(config_for(family, reg)))
            if isinstance(event, EpochEnd) and event.evaluated is not None
        ]
    except Diverged:
        return 0.0
    return record.metrics["train/accuracy"]


@functools.cache
def least(family: str) -> float:
    """Half of the way from chance to the baseline, which itself learns nearly all."""
    chance = 1 / build_run(config_for(family, {})).data.num_classes
    baseline = reached(family, {})
    assert baseline > 0.8
    return (chance + baseline) / 2


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", all_regs())
def test_a_default_does_not_keep_a_model_from_learning(name: str, family: str) -> None:
    try:
        build_run(config_for(family, {name: reg_node(name)}), learn=False)
    except ConfigError as error:
        pytest.skip(str(error))
    accuracy = reached(family, {name: reg_node(name)})
    assert math.isfinite(accuracy)
    assert accuracy > least(family)


def test_a_default_that_keeps_a_model_from_learning_would_be_seen() -> None:
    """One mask for a whole batch at half of the weights, once a default: train accuracy 0.2 to 0.5."""
    once = reg_node("dropconnect", mask="batch")
    assert reached("transformer", {"dropconnect": once}) < least("transformer")
