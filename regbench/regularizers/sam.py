"""Sharpness-aware minimization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.optimizers import Wrapper
from regbench.regularizers.base import Optimizer, Regularizer
from regbench.sites import extra_pass
from regbench.space import Domain, Interval


@dataclass
class SAM(Regularizer):
    """Step from w with the gradient found at w + e, the worst point nearby.

    e = rho * g / (||g|| + eps) over all parameters together, g the gradient at w; adaptive: with T = |w|,
    e = rho * T^2 g / (||T g|| + eps). ascent data takes g of the data loss alone, without penalties and
    before anything edits gradients; ascent objective takes the whole. The gradient at w + e is always that of
    the whole. Both passes see the same batch and draw noise of their own; running statistics move in the
    first only. Departures: eps; T = |w| for every parameter, where the authors' code has T = 1 for biases.

    Paper: Foret et al., 2021, https://arxiv.org/abs/2010.01412, eq. 2 and 3; adaptive: Kwon et al., 2021,
    https://arxiv.org/abs/2102.11600, algorithm 1

    Attributes:
        rho: how far it looks, at least 0: the length of e, with adaptive of e / T.
        adaptive: whether the radius is measured in shares of each weight.
        ascent: of what g is the gradient.
        eps: what is added to the norm, above 0.

    Raises:
        ValueError: a field is out of range.
    """

    kind = "optimizer"
    off: ClassVar = {"rho": 0.0}
    # the paper's; adaptive takes ten times as much and more
    search: ClassVar[Mapping[str, Domain]] = {"rho": Interval(0.01, 0.5, log=True)}
    follows = ("rho",)
    fixed: ClassVar[Mapping[str, str]] = {"eps": "it only keeps a division from zero"}

    rho: float
    adaptive: bool
    ascent: Literal["data", "objective"]
    eps: float

    def __post_init__(self) -> None:
        if self.rho < 0:
            raise ValueError(f"rho must be at least 0, got {self.rho}")
        if self.eps <= 0:
            raise ValueError(f"eps must be greater than 0, got {self.eps}")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        self._model = model
        return model

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        return Sharp(optimizer, self._model, self) if self.rho > 0 else optimizer


class Sharp(Wrapper):
    """Gives the optimizer inside the gradient at the worst point nearby."""

    def __init__(self, inner: Any, model: nn.Module, settings: SAM) -> None:
        super().__init__(inner)
        self._model, self._settings = model, settings

    @torch.no_grad()
    def step(self, closure: Callable[..., Tensor] | None = None) -> Tensor:
        """Call the closure at w and at w + e, then step from w; return the loss at w.

        Raises:
            ValueError: there is no closure.
        """
        if closure is None:
            raise ValueError("a step of SAM must be given the closure that computes gradients, got None")
        with torch.enable_grad():
            loss = closure(probe=True) if self._settings.ascent == "data" else closure()
        with self._displaced(), extra_pass(self._model), torch.enable_grad():
            closure()
        self.inner.step()
        return loss

    @contextmanager
    def _displaced(self) -> Iterator[None]:
        """Move every parameter that has a gradient by e, and put it back to the bit."""
        moved = [w for group in self.param_groups for w in group["params"] if w.grad is not None]
        kept = [weight.clone() for weight in moved]
        for weight, displacement in zip(moved, self._displacements(moved), strict=True):
            weight.add_(displacement)
        try:
            yield
        finally:
            for weight, old in zip(moved, kept, strict=True):
                weight.copy_(old)

    def _displacements(self, weights: list[Tensor]) -> list[Tensor]:
        """The part of e that belongs to each weight."""
        gradients = [w.grad for w in weights if w.grad is not None]
        scaled = self._scaled(gradients, weights)
        factor = self._settings.rho / (nn.utils.get_total_norm(scaled) + self._settings.eps)
        return [factor * gradient for gradient in self._scaled(scaled, weights)]

    def _scaled(self, gradients: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
        """T times the gradients."""
        if not self._settings.adaptive:
            return gradients
        return [w.abs() * gradient for w, gradient in zip(weights, gradients, strict=True)]
