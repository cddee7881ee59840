"""Gradient noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.streams import Clock, Stream
from regbench.weights import plain_name


@dataclass
class GradientNoise(Regularizer):
    """Add noise to the gradient, less of it with every step.

    g <- g + N(0, s^2) for every entry by itself, s^2 = eta / (1 + t)^gamma, t the steps done before this one.
    It comes upon the whole gradient of a step, where it stands among the members that edit gradients: behind
    gradient_clipping, as in the paper, where it is listed behind it. Noise of one step is one draw, whatever
    the micro-batches; both passes of sam get the same. A momentum m adds up the noise of about 1 / (1 - m)
    steps, and the paper has none: at 0.9 the weights move ten times as far by it.

    Paper: Neelakantan et al., 2015, https://arxiv.org/abs/1511.06807, eq. 1

    Attributes:
        eta: variance in the first step, at least 0; the paper has 0.01, 0.3 and 1.
        gamma: how fast the variance falls, at least 0; the paper has 0.55.

    Raises:
        ValueError: a field is out of range.
    """

    off: ClassVar[Mapping[str, Any]] = {"eta": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"eta": Interval(1e-6, 0.1, log=True)}
    follows = ("eta", "gamma")

    eta: float
    gamma: float

    def __post_init__(self) -> None:
        if self.eta < 0:
            raise ValueError(f"eta must be at least 0, got {self.eta}")
        if self.gamma < 0:
            raise ValueError(f"gamma must be at least 0, got {self.gamma}")

    def deviation(self, step: int) -> float:
        """The noise's standard deviation s in a step, 0 for the first."""
        return (self.eta / (1 + step) ** self.gamma) ** 0.5

    @torch.no_grad()
    def edit_gradients(self, model: nn.Module) -> None:
        if self.is_off:
            return
        step = self.stream.moment[0]
        deviation = self.deviation(step)
        for name, weight in model.named_parameters():
            if weight.grad is not None:
                noise = self._of_step(step, plain_name(name)).normal(weight.shape, weight.device)
                weight.grad.add_(noise.to(weight.grad.dtype), alpha=deviation)

    def _of_step(self, step: int, site: str) -> Stream:
        """A stream that neither passes nor micro-batches move."""
        seed, name, *_ = self.stream.key
        return Stream(seed, name, Clock(step), site)  # type: ignore[arg-type]
