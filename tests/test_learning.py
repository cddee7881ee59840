"""Training learns: every model with no flags, every regularizer at once, on every device there is."""

from __future__ import annotations

import math

import pytest
import torch

from regbench.build import build_run, use_settings
from regbench.config import read_settings
from regbench.errors import ConfigError
from regbench.paths import config_dir
from regbench.training import EpochEnd, fit

from .conftest import all_regs, compose, reg_node, tiny

MODELS = sorted(path.stem for path in (config_dir() / "model").glob("*.yaml") if path.stem != "own")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_beats_chance_clearly_after_five_epochs_with_no_flags(model: str) -> None:
    """Chance is 0.1. The larger ones take some seconds: these are their real sizes on the real digits."""
    config = compose(f"model={model}", "train.epochs=5")
    use_settings(read_settings(config)[0])
    records = [event.record for event in fit(build_run(config)) if isinstance(event, EpochEnd)]
    assert records[-1].metrics["val/accuracy"] > 0.5


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_all_regularizers_train_in_one_stack(device: torch.device, precision: str) -> None:
    """All but those of which a stack may hold one only, and then the first."""
    config = tiny("resnet", {}, epochs=2) | {"device": device.type, "precision": precision}
    for name in all_regs():
        fuller = config | {"reg": config["reg"] | {name: reg_node(name)}}
        try:
            run = build_run(fuller)
        except ConfigError as error:
            assert "keep one" in str(error)  # noqa: PT017  (a refusal is right, another one is not)
        else:
            config = fuller
    assert len(config["reg"]) > len(all_regs()) / 2
    run = build_run(config)
    records = [event.record for event in fit(run) if isinstance(event, EpochEnd)]
    assert len(records) == 2
    assert all(math.isfinite(value) for record in records for value in record.metrics.values())
