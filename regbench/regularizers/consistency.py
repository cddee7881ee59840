"""Consistency with a mean teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.nn.passes import another_pass
from regbench.nn.snapshots import LiveState, WithWeights, move
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.strengths import rise
from regbench.types import ForwardPass, Split


@dataclass
class Consistency(Regularizer):
    """Predict what a moving average of the model predicts for another view of the same rows.

    Adds strength * s * mean over the batch of sum_k (p_k - q_k)^2, p the softmax outputs for the batch as it
    is shown and q those of the teacher for its inputs + noise * xi, xi ~ N(0, 1) for each value. The teacher
    has the weights average <- d * average + (1 - d) * w, moved after every step, with
    d = min(decay, t / (t + 1)), t the number of steps before this one; it is in training mode, draws noise of
    its own, normalizes by the batch and has no gradient; in the first step there is none yet. s rises as
    exp(-5 * (1 - progress / ramp)^2) to 1 at the share `ramp` of the run. No target is read. What is
    evaluated is the model; with `ema` beside it the average of the weights. While a schedule has strength at
    0, the teacher moves all the same. Departures from the paper: rows with labels alone; its weight is of the
    mean over the classes, so that its 100 for 10 of them is 10 here.

    Paper: Tarvainen and Valpola, 2017, https://arxiv.org/abs/1703.01780, section 2; the ramp: Laine and Aila,
    2017, https://arxiv.org/abs/1610.02242

    Attributes:
        strength: of the distance, at least 0.
        decay: d once it is warm, in [0, 1).
        noise: standard deviation of what the teacher's inputs have on top, in the unit of the inputs (of
            pixels 1), at least 0; token ids take 0 alone.
        ramp: share of the run, in [0, 1], over which the strength rises; 0: it is full from the start.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are token ids and noise is not 0.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "strength": Interval(0.1, 100.0, log=True),
        "noise": Interval(0.02, 0.5, log=True),
    }
    needs_classes: ClassVar[bool] = True
    follows = ("strength", "decay", "noise")
    fixed: ClassVar[Mapping[str, str]] = {"ramp": "it is a share of the run itself"}

    strength: float
    decay: float
    noise: float
    ramp: float

    def __post_init__(self) -> None:
        for name in ("strength", "noise"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {self.decay}")
        if not 0 <= self.ramp <= 1:
            raise ValueError(f"ramp must lie in [0, 1], got {self.ramp}")
        self._now = self.strength * rise(0.0, self.ramp)
        self._t = 0
        self._average: dict[str, Tensor] = {}
        self._live = LiveState()

    def check_data(self, train: Split) -> None:
        if not self.is_off and self.noise > 0 and not train.mixable:
            raise ValueError(f"inputs must be numbers where noise is above 0, got {train.inputs.dtype}")

    def begin_step(self, progress: float) -> None:
        self._now = self.strength * rise(progress, self.ramp)

    @property
    def follows_length(self) -> bool:
        return super().follows_length and self.ramp > 0

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off or self._t == 0:
            return None
        with torch.no_grad():
            teacher = WithWeights(forward.model, self._average)
            taught = another_pass(forward, self._view(forward.batch.inputs), teacher).softmax(1)
        return self._now * (forward.logits.softmax(1) - taught).square().sum(1).mean()

    @torch.no_grad()
    def end_step(self, model: nn.Module) -> None:
        if self.is_off and not self.schedules:  # where one is on its way through 0 the teacher moves too
            return
        current = self._live.of(model)
        if self._t == 0:
            self._average = {name: tensor.clone() for name, tensor in current.items()}
        else:
            self._average = move(self._average, current, 1 - min(self.decay, self._t / (self._t + 1)))
        self._t += 1

    def note(self) -> str:
        return "" if self.is_off else "each batch is passed through the teacher as well"

    def state_dict(self) -> dict[str, Any]:
        return {"t": self._t, "average": dict(self._average)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._t = state["t"]
        self._average = {name: tensor.clone() for name, tensor in state["average"].items()}

    def _view(self, inputs: Tensor) -> Tensor:
        if self.noise == 0:
            return inputs
        return inputs + self.noise * self.stream.normal(inputs.shape, inputs.device).to(inputs.dtype)
