"""What the audit's probe can see, beyond the members that are shipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from regbench.assembly.run import build_run
from regbench.assembly.stack import build_stack
from regbench.errors import ConfigError
from regbench.regularizers.base import Regularizer, Stack
from regbench.sites import select
from regbench.training.audit import audit
from regbench.training.loop import EpochEnd, fit
from regbench.training.probe import differing
from regbench.types import ForwardPass
from tests.conftest import reg_node, tiny


@dataclass
class Activity(Regularizer):
    """Penalize large activations."""

    off: ClassVar = {"strength": 0.0}
    records_hidden: ClassVar = True
    strength: float

    def penalty(self, forward: ForwardPass) -> Tensor:
        assert len(forward.hidden) == 2, "an MLP of depth 2 has two hidden sites"
        return self.strength * torch.stack([h.square().mean() for h in forward.hidden]).sum()


def test_a_penalty_of_hidden_activations_is_audited_and_trains() -> None:
    (finding,) = audit(lambda out: build_run(tiny(), Stack({} if out else {"a": Activity(0.1)}))).findings
    assert any(fact.startswith("penalty ") for fact in finding.facts)
    run = build_run(tiny(), Stack({"a": Activity(0.1)}))
    (record, *_) = [event.record for event in fit(run) if isinstance(event, EpochEnd)]
    assert record.metrics["objective/a"] > 0


def test_a_penalty_is_audited_in_training_mode() -> None:
    modes = []

    class Sees(Activity):
        def penalty(self, forward: ForwardPass) -> Tensor:
            modes.append(forward.model.training)
            return super().penalty(forward)

    audit(lambda out: build_run(tiny(), Stack({} if out else {"a": Sees(0.1)})))
    assert len(modes) > 2, "the steps, and what is said of the penalty"
    assert all(modes)


def test_a_models_own_parametrization_is_nobodys_doing() -> None:
    one, other = (nn.Sequential(weight_norm(nn.Linear(2, 2))) for _ in range(2))
    assert differing(one, other) == []
    assert differing(nn.Sequential(nn.Linear(2, 2)), other) == ["0"]


def test_a_site_is_named_once() -> None:
    model = build_run(tiny()).model
    for where in ([0, 0], [0, -2]):
        with pytest.raises(ValueError, match=r"^where must name each site once, got \["):
            select(model, "hidden", where)


class NoDataclass(Regularizer):
    """Works, and cannot be recorded."""

    off: ClassVar = {}


def test_a_regularizer_that_is_no_dataclass_is_refused() -> None:
    node: dict[str, Any] = {"_target_": f"{__name__}.NoDataclass"}
    with pytest.raises(ConfigError, match=r"^reg\.odd\._target_: must be a dataclass"):
        build_stack({"odd": node})


def test_ranges_that_depend_on_the_data_are_checked_before_anything_is_learned() -> None:
    config = tiny(reg={"label_smoothing": reg_node("label_smoothing", epsilon=0.95)})
    with pytest.raises(ConfigError, match=r"^reg\.label_smoothing: epsilon must"):
        build_run(config, learn=False)
