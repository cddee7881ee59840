"""Every regularizer, at the values of its YAML, lets every family of models that it accepts learn."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from regbench.assembly.run import build_run
from regbench.errors import ConfigError
from regbench.training.loop import Diverged, EpochEnd, Run, fit
from tests.conftest import SENTENCES, all_regs, compose, given_runs, reg_node
from tests.laws.conftest import in_turn

TOKENS = ["model=transformer", "model.width=16", "model.depth=1", "model.heads=2"]
FAMILIES = {  # sizes and epochs at which the baseline learns most rows, in half a second at most
    "mlp": ["model=mlp", "model.width=128", "train.epochs=20"],
    "cnn": ["model=cnn", "model.width=6", "train.epochs=13"],
    "resnet": ["model=resnet", "model.depth=8", "model.width=4", "train.epochs=7"],
    "rnn": ["model=rnn", "model.width=16", "train.epochs=16"],
    "transformer": [*TOKENS, "model.patch=4", "train.epochs=11"],
    "rnn on text": ["model=rnn", "model.width=16", "model.embedding=16", "train.epochs=12", *SENTENCES],
    "transformer on text": [*TOKENS, "train.epochs=8", *SENTENCES],
}
# the learning rate of torch's and the papers' recipes; what keeps within bounds here does so at smaller ones
RECIPE = ["train.lr=0.1", "train.batch_size=32", "threads=1", "device=cpu"]


def config_for(family: str, reg: dict[str, Any]) -> dict[str, Any]:
    rows = [] if "text" in family else ["dataset.num_train=300"]
    config = compose(*FAMILIES[family], *rows, *RECIPE)
    config["train"]["evaluate_every"] = config["train"]["epochs"]
    if "norm" in config["model"] and any("enabled" in node for node in reg.values()):
        config["model"]["norm"] = "none"  # a normalization is judged where the model has none of its own
    return given_runs(config | {"reg": reg})


def reached(run: Run) -> float:
    """Accuracy on clean train rows after the last epoch; 0 where a loss became infinite."""
    try:
        records = [event.record for event in fit(run) if isinstance(event, EpochEnd)]
    except Diverged:
        return 0.0
    return records[-1].metrics["train/accuracy"]


@functools.cache
def least(family: str) -> float:
    """Half of the way from chance to the baseline, which itself learns most of them."""
    run = build_run(config_for(family, {}))
    baseline = reached(run)
    assert baseline > 0.85
    return (1 / run.data.num_classes + baseline) / 2


def refusal(name: str, family: str) -> str:
    try:
        build_run(config_for(family, {name: reg_node(name)}), learn=False)
    except ConfigError as error:
        return str(error)
    return ""


@in_turn("family", [*FAMILIES], refusal)
@pytest.mark.parametrize("name", all_regs())
def test_a_default_does_not_keep_a_model_from_learning(name: str, family: str) -> None:
    assert reached(build_run(config_for(family, {name: reg_node(name)}))) > least(family)


def test_a_default_that_keeps_a_model_from_learning_would_be_seen() -> None:
    """One mask for a whole batch, half of the weights zero: it was a default once, and ends at chance."""
    once = reg_node("dropconnect", mask="batch")
    assert reached(build_run(config_for("mlp", {"dropconnect": once}))) < 0.3 < least("mlp")
