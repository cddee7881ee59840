"""Training learns: every model with no flags, every regularizer at once, on every device there is."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch

from regbench.assembly.device import use_settings
from regbench.assembly.run import build_run
from regbench.composition.paths import config_dir
from regbench.composition.settings import read_settings
from regbench.errors import ConfigError
from regbench.training.loop import EpochEnd, fit
from tests.conftest import all_regs, compose, given_runs, reg_node, tiny

MODELS = sorted(path.stem for path in (config_dir() / "model").glob("*.yaml") if path.stem != "own")


# these take long at their real size, and less of them tells as well
LARGE = {
    "resnet": "model.width=8",
    "resnet18": "model.width=8",
    "timm": "model.name=test_resnet",  # the small one that timm has for tests
    "torchvision": "model.stem=keep",  # which leaves little of an image of 8x8 pixels, and is quick
}

ELSEWHERE = {"timm", "torchvision"}  # models of theirs are trained in test_foreign too


@pytest.mark.parametrize(
    ("model", "words"),
    [
        *((model, ()) for model in MODELS if model not in LARGE),
        *(
            pytest.param(model, (less,), marks=pytest.mark.long if model in ELSEWHERE else [])
            for model, less in LARGE.items()
        ),
        *(pytest.param(model, (), marks=pytest.mark.long) for model in LARGE),
    ],
)
def test_every_model_beats_chance_clearly_after_five_epochs(model: str, words: tuple[str, ...]) -> None:
    """Chance is 0.1. The larger ones take some seconds: these are their real sizes on the real digits."""
    config = compose(f"model={model}", "train.epochs=5", "threads=1", *words)
    use_settings(read_settings(config)[0])
    records = [event.record for event in fit(build_run(config)) if isinstance(event, EpochEnd)]
    assert records[-1].metrics["val/accuracy"] > 0.5


EARLY = ("shake_shake",)  # it copies what it finds in branches, so that it comes before what acts there
LATE = ("augmix", "smart_augmentation")  # one wants to come after what mixes; the other is then refused


@pytest.mark.parametrize(
    ("model", "precision"),
    [
        ("resnet", "fp32"),
        ("transformer", "bf16"),
        ("text", "fp32"),
        *(
            pytest.param(*pair, marks=pytest.mark.long)
            for pair in (("resnet", "bf16"), ("transformer", "fp32"), ("text", "bf16"))
        ),
    ],
)
def test_all_regularizers_train_in_one_stack(device: torch.device, precision: str, model: str) -> None:
    """All that the model takes, but for those of which a stack may hold one only, and then the first."""
    config = tiny(model, {}, epochs=2) | {"device": device.type, "precision": precision}
    alone = [name for name in all_regs() if not _refusal(config | {"reg": {name: reg_node(name)}})]
    stack = sorted(alone, key=lambda name: (name in LATE, name not in EARLY, name))
    while said := _refusal(config | {"reg": {name: reg_node(name) for name in stack}}):
        assert "keep one" in said  # a refusal is right, another one is not
        stack.remove([name for name in stack if re.search(rf"\b{name}\b", said)][-1])
    assert len(stack) > len(alone) / 2
    run = build_run(given_runs(config | {"reg": {name: reg_node(name) for name in stack}}))
    records = [event.record for event in fit(run) if isinstance(event, EpochEnd)]
    assert len(records) == 2
    assert all(math.isfinite(value) for record in records for value in record.metrics.values())


def _refusal(config: dict[str, Any]) -> str:
    try:
        build_run(given_runs(config), learn=False)
    except ConfigError as error:
        return str(error)
    return ""
