"""Zoneout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Where, select
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.strengths import Scheduled, times


@dataclass
class Zoneout(Regularizer):
    """Let units of a recurrent layer keep, at random, what they held before a step.

    Of an LSTM, with the gates i, f, o and the candidate g of step t and c = f * c_(t-1) + i * g:
    c_t = d * c_(t-1) + (1 - d) * c and h_t = e * h_(t-1) + (1 - e) * o * tanh(c), d ~ Bernoulli(memory) and
    e ~ Bernoulli(state) for each unit, step and example. A GRU has the second line alone, with its own new
    state. In evaluation d and e are their means, so that the layer goes step by step there too, which takes
    longer than the fused kernel. Unlike a dropped unit a kept one passes its gradient on to the step before.
    A mean that follows a schedule is in evaluation that of the epoch's last step.

    Paper: Krueger et al., 2017, https://arxiv.org/abs/1606.01305, section 3

    Attributes:
        state: probability that a unit's state stays, in [0, 1).
        memory: the same of an LSTM's memory; of no account for a GRU.
        where: which of the model's recurrent layers; default means all of them, input is refused.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such layer, or one that lets
            nothing decide what it carries from step to step, or state is 0 and it has no memory.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"state": 0.0, "memory": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"state": Interval(0.02, 0.5), "memory": Interval(0.02, 0.5)}
    follows = ("state", "memory")

    state: float
    memory: float
    where: Where

    def __post_init__(self) -> None:
        for name in self.off:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        if self.where == "input":
            raise ValueError("where must be default, all, first, last, or indices, got input")
        self._zones: dict[str, list[Zone]] = {"state": [], "memory": []}

    def follow(self, progress: float) -> None:
        super().follow(progress)
        for field, zones in self._zones.items():
            for zone in zones:
                zone.p = getattr(self, field)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        for name, site in select(model, "recurrent", self.where):
            layer: Any = site.body
            called, cls = name.removeprefix("net."), type(layer).__name__
            if not hasattr(layer, "carrying_state"):
                raise ValueError(f"zoneout needs a layer with `carrying_state` at {called}, got {cls}")
            has_memory = layer.cell == "lstm"
            if not self.state and not has_memory:
                raise ValueError(f"state must be above 0 for {called}, which has no memory, got 0.0")
            if self.state:
                layer.carrying_state.append(self._zone("state", name))
            if self.memory and has_memory:
                layer.carrying_memory.append(self._zone("memory", name))
        return model

    def _zone(self, field: str, layer: str) -> Zone:
        zone = Zone(getattr(self, field), self.stream.at(f"{layer}.{field}"))
        if field in self.schedules:
            zone.keep("p")
        self._zones[field].append(zone)
        return zone


class Zone(Scheduled):
    """Keep what was there before, with probability p for each value; in evaluation a share of p of it."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, before: Tensor, now: Tensor) -> Tensor:
        if not self.training:
            return now + times(before - now, self.now("p"))
        return torch.where(self.stream.bits(self.p, now.shape, now.device), before, now)

    def extra_repr(self) -> str:
        return f"p={self.p}"
