"""Exponential moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.nn.snapshots import LiveState, WithWeights, move
from regbench.regularizers.base import Regularizer
from regbench.space import Choice, Domain


@dataclass
class EMA(Regularizer):
    """Evaluate an exponential moving average of the weights instead of the weights.

    average <- d * average + (1 - d) * w after every step, with d = decay, or with warmup
    d = min(decay, (1 + t) / (10 + t)), t the number of steps before this one. The average begins as a copy of
    the weights after the first step (t = 0), so d acts from t = 1. Floating-point buffers, among them running
    statistics, are averaged in the same way; integer ones are copied. What is evaluated follows the average
    as training goes on, it is no copy.

    Paper: Polyak and Juditsky, 1992, https://doi.org/10.1137/0330046; exponential form: Tarvainen and
    Valpola, 2017, https://arxiv.org/abs/1703.01780, section 2

    Attributes:
        decay: share of the average that stays in a step, in [0, 1).
        warmup: whether the first steps have a smaller one.

    Raises:
        ValueError: decay is out of range.
    """

    off: ClassVar = {"decay": 0.0}
    follows = ("decay",)
    # of about 10 to 1000 steps: factors of 1 - decay, which no interval of decay has
    search: ClassVar[Mapping[str, Domain]] = {"decay": Choice((0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999))}

    decay: float
    warmup: bool

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {self.decay}")
        self._t = 0
        self._average: dict[str, Tensor] = {}
        self._live = LiveState()

    @torch.no_grad()
    def end_step(self, model: nn.Module) -> None:
        if self.decay == 0 and not self.schedules:  # one that is on its way through 0 is an average there too
            return
        current = self._live.of(model)
        if self._t == 0:
            self._average = {name: tensor.clone() for name, tensor in current.items()}
        else:
            self._average = move(self._average, current, 1 - self._decay_at(self._t))
        self._t += 1

    def eval_model(self, model: nn.Module) -> nn.Module:
        return WithWeights(model, self._average) if self._t > 0 else model

    def note(self) -> str:
        if self.decay == 0:
            return ""
        return f"the average forgets half in {math.log(0.5) / math.log(self.decay):.3g} steps"

    def averaged_steps(self, steps: int) -> float:
        return 0.0 if self.decay == 0 else 1 / (1 - self._decay_at(steps))

    def state_dict(self) -> dict[str, Any]:
        return {"t": self._t, "average": dict(self._average)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._t = state["t"]
        self._average = {name: tensor.clone() for name, tensor in state["average"].items()}

    def _decay_at(self, step: int) -> float:
        return min(self.decay, (1 + step) / (10 + step)) if self.warmup else self.decay
