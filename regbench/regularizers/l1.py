"""L1 weight penalty (the lasso)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.nn.sparsity import shrink_, soft_threshold, zero_shares
from regbench.optimizers import innermost
from regbench.regularizers.base import Optimizer, Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass
from regbench.weights import FoundWeights, Scope, regularized_weights


@dataclass
class L1(Regularizer):
    """Pull every weight towards zero with the same force, and to exactly zero where the data pulls less.

    mode prox follows each step by w <- sign(w) * max(|w| - lr * strength, 0) at the scheduled lr; it alone
    makes exact zeros. mode subgradient adds strength * sum(|w|) to the objective, with sign(0) = 0. metric
    euclidean shrinks all weights alike; metric adam divides the threshold of prox by Adam's own
    sqrt(v) + eps, v corrected for its start. scope weights spares biases, normalizations and embeddings.

    Records the share of exact zeros of each layer as zeros.<layer> and of all as zeros, in the weights that
    are evaluated: in their average, where another member evaluates one.

    Paper: Tibshirani, 1996, https://doi.org/10.1111/j.2517-6161.1996.tb02080.x; prox: Beck and Teboulle,
    2009, https://doi.org/10.1137/080716542, section 1; metric adam: Yun et al., 2021,
    https://arxiv.org/abs/2007.07605

    Attributes:
        strength: weight of the absolute values, at least 0.
        mode: how the penalty enters.
        metric: by what distance prox is nearest; adam with mode prox, and with Adam or AdamW.
        scope: weights spares biases, normalizations and embeddings; all does not.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such weights;
            `prepare_optimizer`: with metric adam, the optimizer is not Adam.
    """

    off: ClassVar = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"strength": Interval(1e-6, 1e-3, log=True)}
    follows = ("strength",)

    strength: float
    mode: Literal["prox", "subgradient"]
    metric: Literal["euclidean", "adam"]
    scope: Scope

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if self.metric == "adam" and self.mode != "prox":
            raise ValueError(f"mode must be prox where metric is adam, got {self.mode}")
        self._optimizer: Any = None
        self._found = FoundWeights(self.scope)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.strength > 0 and not regularized_weights(model, self.scope):
            raise ValueError(f"the model must have weights to shrink, got none in scope {self.scope!r}")
        return model

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        self._optimizer = innermost(optimizer)
        if self.strength > 0 and self.metric == "adam" and not isinstance(self._optimizer, torch.optim.Adam):
            name = type(self._optimizer).__name__
            raise ValueError(f"the optimizer must be Adam or AdamW where metric is adam, got {name}")
        return optimizer

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.strength == 0 or self.mode != "subgradient":
            return None
        sums = [weight.abs().sum() for _, weight in self._found.of(forward.model)]
        return self.strength * torch.stack(sums).sum()

    @torch.no_grad()
    def edit_weights(self, model: nn.Module) -> None:
        if self.strength == 0 or self.mode != "prox":
            return
        chosen = {id(weight) for _, weight in self._found.of(model)}
        for group in self._optimizer.param_groups:
            threshold = group["lr"] * self.strength
            for weight in [one for one in group["params"] if id(one) in chosen]:
                if self.metric == "euclidean":
                    shrink_(weight, threshold)
                else:
                    weight.copy_(soft_threshold(weight, threshold / self._scale(weight, group)))

    def metrics(self, model: nn.Module) -> dict[str, float]:
        return {} if self.strength == 0 else zero_shares(model, self.scope)

    def _scale(self, weight: Tensor, group: dict[str, Any]) -> Tensor | float:
        """What divides the step's threshold, for each entry of the weight."""
        state = self._optimizer.state.get(weight)
        if not state:  # no gradient has come yet: Adam has not moved it and has no metric for it
            return torch.inf
        square = state.get("max_exp_avg_sq", state["exp_avg_sq"])  # the former under amsgrad
        corrected = square / (1 - group["betas"][1] ** state["step"].double())
        return corrected.sqrt() + group["eps"]
