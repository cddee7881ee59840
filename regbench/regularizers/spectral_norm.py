"""Spectral normalization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from regbench.nn.units import Units, units_of
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.strengths import Scheduled, times
from regbench.weights import plain_name, regularized_places, require_free_scale

FIRST = 15  # iterations before the first step, as torch has


@dataclass
class SpectralNorm(Regularizer):
    """Divide every weight by its largest singular value, so that no layer stretches by more than a bound.

    A layer computes with bound * W / s(W), in training and in evaluation, s(W) = u^T W v being the largest
    singular value of the weight as a matrix: a row for each output unit, the filters of a convolution
    flattened. The directions u and v are constants to the gradient, v <- W^T u / ||W^T u|| and
    u <- W v / ||W v||, iterated after every step (power iteration), 15 times before the first; they start at
    random. Departure from the paper: iterated after the step and not in each forward pass, so that all passes
    of a step, and evaluation, see the same. The matrix of a convolution bounds what it does to an image up
    to a factor of the kernel's side only. All matrices and kernels, also of the last layer. A bound that
    follows a schedule is in evaluation that of the epoch's last step.

    Paper: Miyato et al., 2018, https://arxiv.org/abs/1802.05957, eq. 8 and algorithm 1

    Attributes:
        bound: the largest singular value that a layer has, above 0; the paper has 1. None: weights are
            left as they are.
        iterations: of u and v after each step, at least 1.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such weights, or one is all
            zeros, has a weight normalization, or a scale by another member.
    """

    kind = "architecture"
    off: ClassVar[Mapping[str, Any]] = {"bound": None}
    search: ClassVar[Mapping[str, Domain]] = {"bound": Interval(0.5, 8.0, log=True)}
    follows = ("bound", "iterations")

    bound: float | None
    iterations: int

    def __post_init__(self) -> None:
        if self.bound is not None and self.bound <= 0:
            raise ValueError(f"bound must be above 0, got {self.bound}")
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}")
        self._normalized: list[tuple[nn.Module, str, Normalized]] = []
        self._note = ""

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.bound is None:
            return model
        places, values = regularized_places(model), []
        if not places:
            raise ValueError(f"{type(getattr(model, 'net', model)).__name__} has no weights to normalize")
        for name, layer, weight in places:
            _require_one_parameter(name, layer, weight)
            require_free_scale(name, layer, weight)
            start = _evaluated(layer, weight, None).detach()
            if not start.any():
                raise ValueError(
                    f"{plain_name(name)} must not begin with zeros alone, which have no direction"
                )
            seed = self.stream.at(name).seed_of("start")
            normalized = Normalized(self.bound, start, units_of(layer), seed)
            if "bound" in self.schedules:
                normalized.keep("bound")
            values.append(normalized.largest(start).item())
            parametrize.register_parametrization(layer, weight, normalized)
            self._normalized.append((layer, weight, normalized))
        self._note = f"the largest singular values begin at {min(values):.3g} to {max(values):.3g}"
        return model

    def edit_weights(self, model: nn.Module) -> None:
        for layer, weight, normalized in self._normalized:
            normalized.iterate(_evaluated(layer, weight, normalized), self.iterations)

    def note(self) -> str:
        return self._note


@torch.no_grad()
def _evaluated(layer: nn.Module, weight: str, before: nn.Module | None) -> Tensor:
    """A weight as it is in evaluation before this one of its parametrizations, or after all of them.

    What is divided is what the others make of the parameter, without the noise that they have in training.
    """
    if not parametrize.is_parametrized(layer, weight):
        return getattr(layer, weight)
    behind: Any = layer.parametrizations[weight]  # type: ignore[index]
    value = behind.original
    for part in behind:
        if part is before:
            break
        was_training = part.training
        value = part.eval()(value)
        part.train(was_training)
    return value


def _require_one_parameter(name: str, layer: nn.Module, weight: str) -> None:
    if parametrize.is_parametrized(layer, weight):
        behind: Any = layer.parametrizations[weight]  # type: ignore[index]
        if not hasattr(behind, "original"):
            raise ValueError(f"{plain_name(name)} must have no weight normalization of its own, got one")


class Normalized(Scheduled):
    """A weight that is divided by its largest singular value.

    Args:
        bound: its largest singular value then, above 0.
        weight: as it begins.
        units: how its output units lie in it.
        seed: of the directions' start.

    Attributes:
        left: u, (units,).
        right: v, (values of each unit,).
    """

    sets_scale: ClassVar[bool] = True
    left: Tensor
    right: Tensor

    def __init__(self, bound: float, weight: Tensor, units: Units, seed: int) -> None:
        super().__init__()
        self.bound, self.units = bound, units
        matrix = units.matrix(weight)
        start = torch.randn(len(matrix), generator=torch.Generator().manual_seed(seed)).to(matrix)
        self.register_buffer("left", start / start.norm())
        self.register_buffer("right", torch.zeros_like(matrix[0]))
        self.iterate(weight, FIRST)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * times(self.largest(weight).reciprocal(), self.now("bound"))

    def largest(self, weight: Tensor) -> Tensor:
        """The largest singular value, as far as the directions have come."""
        left, right = self.left, self.right
        # by products of entries, as those of matrices have lower precision under autocast; an average of
        # directions, which may be evaluated, is shorter than 1
        value = ((self.units.matrix(weight) * right).sum(1) * left).sum()
        return value / (left.norm() * right.norm())

    @torch.no_grad()
    def iterate(self, weight: Tensor, times: int) -> None:
        """Turn the directions towards those of the largest singular value."""
        matrix = self.units.matrix(weight)
        for _ in range(times):
            self.right.copy_(F.normalize(matrix.T @ self.left, dim=0))
            self.left.copy_(F.normalize(matrix @ self.right, dim=0))

    def extra_repr(self) -> str:
        return f"bound={self.bound}"
