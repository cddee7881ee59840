"""A multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from regbench.nn.checks import require_positive
from regbench.nn.layers import dense
from regbench.nn.norms import Norm
from regbench.sites import Site


class MLP(nn.Module):
    """Classify flattened inputs by `depth` dense ReLU layers of `width` units and a linear head.

    Paper: Rumelhart, Hinton and Williams, 1986, https://doi.org/10.1038/323533a0

    Args:
        in_shape: per-example shape of the inputs, any.
        num_classes: C; the logits are (B, C).
        width: units of each hidden layer, at least 1.
        depth: hidden layers, at least 1.
        norm: what stands between each hidden layer and its ReLU.

    Raises:
        ValueError: a size is below 1, or a norm has too few values.
    """

    def __init__(self, in_shape: Sequence[int], num_classes: int, width: int, depth: int, norm: Norm) -> None:
        super().__init__()
        require_positive(width=width, depth=depth)
        sizes = [math.prod(in_shape)] + [width] * depth
        self.input = Site("input", in_shape)
        self.layers = nn.Sequential(*(dense(fan_in, fan_out, norm) for fan_in, fan_out in pairwise(sizes)))
        self.head = nn.Linear(width, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.layers(self.input(inputs).flatten(1)))
