"""Training learns: every model with no flags, every regularizer at once, on every device there is."""

from __future__ import annotations

import pytest
import torch

from regbench.build import build_run, use_settings
from regbench.config import read_settings
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
    stack = {name: reg_node(name) for name in all_regs()}
    config = tiny("resnet", stack, epochs=3) | {"device": device.type, "precision": precision}
    records = [event.record for event in fit(build_run(config)) if isinstance(event, EpochEnd)]
    assert len(records) == 3
    assert records[-1].metrics["objective/data"] < records[0].metrics["objective/data"]
