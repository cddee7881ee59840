"""The audit of a stack on a person's own model and rows."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import regbench
from regbench.errors import ConfigError
from tests.library.nets import net, rows, sgd


def test_every_member_is_shown_at_work_and_nothing_is_moved() -> None:
    model = net()
    optimizer = sgd(model)
    before = copy.deepcopy(model.state_dict())
    stack = regbench.stack("dropout", "early_stopping", "ema", mixup={"alpha": 1.0}, l2={"strength": 0.0})
    draws = torch.get_rng_state()
    found = regbench.audit(model, stack, optimizer, train=rows())
    states = {one.name: one.state for one in found.findings}
    assert states == {
        "dropout": "acts",
        "early_stopping": "rule",
        "ema": "rule",
        "mixup": "acts",
        "l2": "off (strength=0.0)",
    }
    assert "Drop at 2" in found.findings[0].facts
    lines = str(found).splitlines()
    assert "dropout acts" in lines
    assert "  Drop at 2" in lines
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), draws)
    applied = stack.apply(model, optimizer, train=rows(), epochs=1, steps_per_epoch=1)
    applied.step(*rows())


def test_a_member_that_changes_nothing_is_refused() -> None:
    model = net()
    stack = regbench.stack(dropout={"p": 1e-9})
    with pytest.raises(ConfigError, match=r"^reg\.dropout: changes nothing of Sequential in 16 probe steps"):
        regbench.audit(model, stack, sgd(model), train=rows())


def test_a_member_without_its_site_is_refused() -> None:
    model = net()
    with pytest.raises(ConfigError, match=r"^reg\.attention_dropout: Sequential has no 'attention' site$"):
        regbench.audit(model, regbench.stack("attention_dropout"), sgd(model), train=rows())


def test_a_warning_of_the_command_line_is_one_here() -> None:
    from regbench.schedules import Cosine

    model = net()
    stack = regbench.stack("early_stopping")
    loader = DataLoader(TensorDataset(*rows()), batch_size=8)
    found = regbench.audit(model, stack, sgd(model), train=loader, schedule=Cosine(warmup=0.0))
    assert [w for w in found.warnings if w.startswith("early_stopping may end the run before")]
    assert f"warning: {found.warnings[0]}" in str(found)
