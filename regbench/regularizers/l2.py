"""L2 penalty and weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.optimizers import Wrapper, innermost, wrap_innermost
from regbench.regularizers.base import Optimizer, Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass
from regbench.weights import FoundWeights, Scope, regularized_weights


@dataclass
class L2(Regularizer):
    """Pull every weight towards zero in proportion to its size.

    mode penalty adds (strength / 2) * sum(w^2) to the objective; coupled adds strength * w to the gradient
    that the optimizer sees, after clipping; decoupled does w <- (1 - lr * strength) w at the scheduled lr and
    leaves the gradient alone. All are one method under plain SGD only: penalty equals coupled under momentum
    too, where decoupled differs, as it does under Adam. mode auto is decoupled where the optimizer is
    Adam-like (it has betas), else coupled. Coupled and decoupled pass over a weight without a gradient, as
    torch does. scope weights spares biases, normalizations and embeddings.

    Paper: Krogh and Hertz, 1992, https://papers.nips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html;
    decoupled: Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101, algorithms 1 and 2

    Attributes:
        strength: weight of the squares, at least 0; decoupled: lr * strength below 1.
        mode: how the decay enters.
        scope: weights spares biases, normalizations and embeddings; all does not.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such weights;
            `prepare_optimizer`: the optimizer decays weights itself, or lr * strength is too large.
    """

    off: ClassVar = {"strength": 0.0}
    # as in Kadra et al., 2021
    search: ClassVar[Mapping[str, Domain]] = {"strength": Interval(1e-5, 0.1, log=True)}
    follows = ("strength",)

    strength: float
    mode: Literal["auto", "penalty", "coupled", "decoupled"]
    scope: Scope

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        self._note = ""
        self._decay: Decay | None = None
        self._found = FoundWeights(self.scope)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.strength > 0 and not regularized_weights(model, self.scope):
            raise ValueError(f"the model must have weights to decay, got none in scope {self.scope!r}")
        self._model = model  # read again in prepare_optimizer: a later member may parametrize a weight
        return model

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        if self.strength == 0 or self.mode == "penalty":
            return optimizer
        decoupled = self._is_decoupled(optimizer)
        for group in optimizer.param_groups:
            _require_no_decay(group)
            if decoupled and group["lr"] * self.strength >= 1:
                raise ValueError(f"lr * strength must lie below 1, got {group['lr'] * self.strength}")
        weights = [weight for _, weight in regularized_weights(self._model, self.scope)]

        def decaying(inner: Any) -> Decay:
            self._decay = Decay(inner, weights, self.strength, decoupled)
            return self._decay

        return wrap_innermost(optimizer, decaying)

    def follow(self, progress: float) -> None:
        super().follow(progress)
        if self._decay is not None:
            self._decay.strength = self.strength

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.strength == 0 or self.mode != "penalty":
            return None
        squares = [w.square().sum() for _, w in self._found.of(forward.model)]
        return self.strength / 2 * torch.stack(squares).sum()

    def note(self) -> str:
        return self._note

    def _is_decoupled(self, optimizer: Optimizer) -> bool:
        if self.mode != "auto":
            return self.mode == "decoupled"
        inner = innermost(optimizer)
        name, adam_like = type(inner).__name__, "betas" in inner.param_groups[0]
        chosen, why = ("decoupled", "has betas") if adam_like else ("coupled", "has no betas")
        self._note = f"mode auto means {chosen}: {name} {why}"
        return adam_like


class Decay(Wrapper):
    """Decays weights just before the torch optimizer inside makes its step.

    Args:
        inner: any torch optimizer.
        weights: the parameters to decay.
        strength: what multiplies a weight in its gradient, or lr times which it loses.
        decoupled: shrink the weight itself, instead of adding to its gradient.
    """

    def __init__(self, inner: Any, weights: list[Tensor], strength: float, decoupled: bool) -> None:
        super().__init__(inner)
        self._chosen = {id(weight) for weight in weights}
        self.strength, self._decoupled = strength, decoupled

    @torch.no_grad()
    def edit(self) -> None:
        for group in self.param_groups:
            chosen = [w for w in group["params"] if id(w) in self._chosen and w.grad is not None]
            if chosen:
                self._decay(chosen, group["lr"])

    def _decay(self, weights: list[Tensor], lr: float) -> None:
        if self._decoupled:
            torch._foreach_mul_(weights, 1 - lr * self.strength)
        else:
            gradients: list[Any] = [weight.grad for weight in weights]
            torch._foreach_add_(gradients, weights, alpha=self.strength)


def _require_no_decay(group: dict[str, Any]) -> None:
    if group.get("weight_decay", 0) != 0:
        raise ValueError(
            f"the optimizer's own weight_decay must be 0 beside this one, got {group['weight_decay']}"
        )
