"""Every regularizer acts alike on weights that lie by pixels in memory, as they do for tensor cores."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch

from regbench.assembly import run as assembly
from regbench.assembly.run import build_run
from regbench.training.loop import train_epoch
from tests.laws.test_contract import REGS, config_for, on, require_acting


def weights(config: dict[str, Any]) -> list[torch.Tensor]:
    """After two steps."""
    run = build_run(config)
    run.reg.begin_epoch(0.0)
    for _ in islice(train_epoch(run, 0), 2):
        pass
    run.reg.eval_model(run.model)
    return list(run.model.parameters())


@pytest.mark.parametrize("name", REGS)
def test_it_acts_alike_however_weights_lie(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    require_acting(name, "resnet")
    config = config_for("resnet", {name: on(name)})
    usual = weights(config)
    monkeypatch.setattr(assembly, "lies_by_pixels", lambda *_: True)
    laid = weights(config)
    assert any(one.stride() != other.stride() for one, other in zip(laid, usual, strict=True))
    for one, other in zip(laid, usual, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-2, atol=1e-3)
