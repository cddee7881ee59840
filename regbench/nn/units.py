"""The output units of a layer's weight: the rows of a matrix, the filters of a convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd


@dataclass(frozen=True)
class Units:
    """How the output units of a weight lie in it.

    Attributes:
        groups: of a transposed convolution, whose weight (in, out / groups, ...) has them along its second
            axis; 0 of any other layer, where the first axis counts them.
    """

    groups: int = 0

    def view(self, weight: Tensor) -> Tensor:
        """The weight, or a view of it, with whole axes for its units."""
        return weight.unflatten(0, (self.groups, -1)) if self.groups else weight

    def axes(self, weight: Tensor) -> tuple[int, ...]:
        """The axes of the view along which the values of one unit lie."""
        return (1, *range(3, weight.ndim + 1)) if self.groups else tuple(range(1, weight.ndim))

    def size(self, weight: Tensor) -> int:
        """How many values lead into each unit."""
        shape = self.view(weight).shape
        return math.prod(shape[axis] for axis in self.axes(weight))

    def norms(self, weight: Tensor) -> Tensor:
        """The length of each unit, of a shape that spreads over the view."""
        return torch.linalg.vector_norm(self.view(weight), dim=self.axes(weight), keepdim=True)

    def matrix(self, weight: Tensor) -> Tensor:
        """(units, values of each)."""
        view = self.view(weight)
        return (view.transpose(1, 2).flatten(0, 1) if self.groups else view).flatten(1)


def units_of(module: nn.Module) -> Units:
    """How the units lie in the weights of a layer."""
    return Units(module.groups if isinstance(module, _ConvTransposeNd) else 0)
