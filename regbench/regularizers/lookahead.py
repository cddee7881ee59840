"""Lookahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.optimizers import Wrapper
from regbench.regularizers.base import Optimizer, Regularizer
from regbench.space import Domain, Interval


@dataclass
class Lookahead(Regularizer):
    """Let the optimizer explore for k steps, then go a share of the way to where it has come.

    The slow weights s begin as the initial weights. After every k-th step, with w the weights there,
    s <- s + alpha * (w - s) and w <- s; the optimizer's own state (momentum) goes on as it is. Between two
    such steps it is w that is evaluated, where the paper evaluates s; after them the two are one.

    Paper: Zhang et al., 2019, https://arxiv.org/abs/1907.08610, algorithm 1

    Attributes:
        alpha: share of the way, in (0, 1]; at 1 it is the optimizer by itself.
        k: steps of the optimizer to one of the slow weights, at least 1.

    Raises:
        ValueError: a field is out of range.
    """

    off: ClassVar[Mapping[str, Any]] = {"alpha": 1.0}
    search: ClassVar[Mapping[str, Domain]] = {"alpha": Interval(0.2, 0.8), "k": Interval(5, 10)}
    follows = ("alpha",)
    fixed: ClassVar[Mapping[str, str]] = {
        "k": "it counts the steps from one move of the slow weights to the next",
    }

    alpha: float
    k: int

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise ValueError(f"alpha must lie in (0, 1], got {self.alpha}")
        if self.k < 1:
            raise ValueError(f"k must be at least 1, got {self.k}")
        self._steps = 0
        self._slow: list[Tensor] = []

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        return optimizer if self.is_off else Pausing(optimizer, self)

    def note(self) -> str:
        return "" if self.is_off else f"goes {self.alpha:.3g} of the way once in {self.k} steps"

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "slow": [weight.clone() for weight in self._slow]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps, self._slow = state["steps"], [weight.clone() for weight in state["slow"]]

    @torch.no_grad()
    def start(self, weights: list[Tensor]) -> None:
        """Take the initial weights for the slow ones, or bring a loaded run's to their device."""
        if not self._slow:
            self._slow = [weight.clone() for weight in weights]
        self._slow = [slow.to(weight.device) for slow, weight in zip(self._slow, weights, strict=True)]

    @torch.no_grad()
    def synchronize(self, weights: list[Tensor]) -> None:
        """Count a step, and after every k-th of them move the slow weights and put the others there."""
        self._steps += 1
        if self._steps % self.k == 0:
            torch._foreach_lerp_(self._slow, weights, self.alpha)
            torch._foreach_copy_(weights, self._slow)


class Pausing(Wrapper):
    """Steps as the optimizer inside does; after every step the member is asked."""

    def __init__(self, inner: Any, member: Lookahead) -> None:
        super().__init__(inner)
        self._member = member

    def begin(self) -> None:
        self._member.start(self._weights())

    def end(self) -> None:
        self._member.synchronize(self._weights())

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"]]
