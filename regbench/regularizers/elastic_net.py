"""Elastic net weight penalty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.nn.sparsity import shrink_, zero_shares
from regbench.optimizers import innermost
from regbench.regularizers.base import Optimizer, Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass
from regbench.weights import FoundWeights, Scope, regularized_weights


@dataclass
class ElasticNet(Regularizer):
    """Pull every weight towards zero by a constant force and by one in proportion to its size.

    The penalty is strength_l1 * sum(|w|) + strength_l2 * sum(w^2), without the half that `l2` has: at
    strength_l1 = 0 it is `l2` of twice the strength. mode prox follows each step by
    w <- sign(w) * max(|w| - lr * strength_l1, 0) / (1 + 2 * lr * strength_l2) at the scheduled lr, and makes
    exact zeros; mode subgradient adds the penalty to the objective, with sign(0) = 0. Given alpha and
    l1_ratio, the form of scikit-learn, strength_l1 = alpha * l1_ratio and
    strength_l2 = alpha * (1 - l1_ratio) / 2 take the place of the two strengths.

    Departure from the paper: its naive form, which does not scale the result by 1 + strength_l2. Records the
    share of exact zeros of each layer as zeros.<layer> and of all as zeros, in the evaluated weights.

    Paper: Zou and Hastie, 2005, https://doi.org/10.1111/j.1467-9868.2005.00503.x, section 2.1

    Attributes:
        strength_l1: weight of the absolute values, at least 0.
        strength_l2: weight of the squares, at least 0.
        alpha: weight of both together, at least 0, or None.
        l1_ratio: share of the absolute values in alpha, in [0, 1], or None; both are given, or neither.
        mode: how the penalty enters.
        scope: weights spares biases, normalizations and embeddings; all does not.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such weights.
    """

    off: ClassVar[Mapping[str, Any]] = {"strength_l1": 0.0, "strength_l2": 0.0}
    # strength_l2 is half of l2's
    search: ClassVar[Mapping[str, Domain]] = {
        "strength_l1": Interval(1e-6, 1e-3, log=True),
        "strength_l2": Interval(5e-6, 0.05, log=True),
    }
    follows = ("strength_l1", "strength_l2", "alpha", "l1_ratio")

    strength_l1: float
    strength_l2: float
    alpha: float | None
    l1_ratio: float | None
    mode: Literal["prox", "subgradient"]
    scope: Scope

    def __post_init__(self) -> None:
        for name in ("strength_l1", "strength_l2", "alpha"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        if self.l1_ratio is not None and not 0 <= self.l1_ratio <= 1:
            raise ValueError(f"l1_ratio must lie in [0, 1], got {self.l1_ratio}")
        if (self.alpha is None) != (self.l1_ratio is None):
            raise ValueError(
                f"alpha and l1_ratio must both be given or neither, got {self.alpha} and {self.l1_ratio}"
            )
        self._optimizer: Any = None
        self._found = FoundWeights(self.scope)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off and not regularized_weights(model, self.scope):
            raise ValueError(f"the model must have weights to shrink, got none in scope {self.scope!r}")
        return model

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        self._optimizer = innermost(optimizer)
        return optimizer

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off or self.mode != "subgradient":
            return None
        weights = [weight for _, weight in self._found.of(forward.model)]
        sums = [self._l1 * w.abs().sum() + self._l2 * w.square().sum() for w in weights]
        return torch.stack(sums).sum()

    @torch.no_grad()
    def edit_weights(self, model: nn.Module) -> None:
        if self.is_off or self.mode != "prox":
            return
        chosen = {id(weight) for _, weight in self._found.of(model)}
        for group in self._optimizer.param_groups:
            threshold, divisor = group["lr"] * self._l1, 1 + 2 * group["lr"] * self._l2
            for weight in [one for one in group["params"] if id(one) in chosen]:
                shrink_(weight, threshold)
                weight.div_(divisor)

    def metrics(self, model: nn.Module) -> dict[str, float]:
        return {} if self.is_off else zero_shares(model, self.scope)

    def note(self) -> str:
        total = self._l1 + 2 * self._l2
        if self.is_off:
            return ""
        return f"the same as alpha={total:.4g}, l1_ratio={self._l1 / total:.4g} in scikit-learn"

    @property
    def _l1(self) -> float:
        if self.alpha is None or self.l1_ratio is None:
            return self.strength_l1
        return self.alpha * self.l1_ratio

    @property
    def _l2(self) -> float:
        if self.alpha is None or self.l1_ratio is None:
            return self.strength_l2
        return self.alpha * (1 - self.l1_ratio) / 2

    @property
    def is_off(self) -> bool:
        return self._l1 == 0 and self._l2 == 0
