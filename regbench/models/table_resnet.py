"""A residual network for tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from regbench.nn.checks import require_positive
from regbench.nn.layers import named
from regbench.nn.norms import Norm, make_norm
from regbench.sites import Site


class TableResNet(nn.Module):
    """Classify flattened inputs by a linear layer, residual blocks of dense layers, and a head.

    block: x + linear(ReLU(linear(norm(x)))), the inner layer being `hidden_factor` times as wide; head:
    linear(ReLU(norm(x))). Departure from the paper: its two dropouts in each block are left out; the
    regularizer `dropout` puts the first of them at the hidden site, and the second one is the site after the
    branch, which takes no activation noise here.

    Paper: Gorishniy, Rubachev, Khrulkov and Babenko, 2021, https://arxiv.org/abs/2106.11959, section 3.2

    Args:
        in_shape: per-example shape of the inputs, any.
        num_classes: C; the logits are (B, C).
        width: units of the residual stream, at least 1.
        depth: blocks, at least 1.
        hidden_factor: units of a block's inner layer, as a multiple of the width, above 0.
        norm: what stands at the beginning of each block, and of the head.

    Raises:
        ValueError: a size is out of range, or a norm has too few values.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        num_classes: int,
        width: int,
        depth: int,
        hidden_factor: float,
        norm: Norm,
    ) -> None:
        super().__init__()
        require_positive(width=width, depth=depth)
        if hidden_factor <= 0:
            raise ValueError(f"hidden_factor must be above 0, got {hidden_factor}")
        inner = max(1, round(hidden_factor * width))
        self.input = Site("input", in_shape)
        self.stem = nn.Linear(math.prod(in_shape), width)
        self.blocks = nn.Sequential(*(Block(width, inner, norm) for _ in range(depth)))
        self.norm = _norm(norm, width)
        self.features = _relu(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        stream = self.blocks(self.stem(self.input(inputs).flatten(1)))
        return self.head(self.features(self.norm(stream)))


class Block(nn.Module):
    """Compute inputs + branch(inputs), the branch being norm-linear-ReLU-linear: (B, width) to (B, width).

    Args:
        width: units of inputs and outputs.
        inner: units between the two layers.
        norm: what stands before the first.
    """

    def __init__(self, width: int, inner: int, norm: Norm) -> None:
        super().__init__()
        branch = {
            "norm": _norm(norm, width),
            "first": nn.Linear(width, inner),
            "hidden": _relu(inner),
            "second": nn.Linear(inner, width),
        }
        self.branch = Site("branch", (width,), body=named(branch))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.branch(inputs)


def _norm(norm: Norm, width: int) -> Site:
    return Site("norm", (width,), body=make_norm(norm, (width,)))


def _relu(width: int) -> Site:
    return Site("hidden", (width,), body=nn.ReLU())
