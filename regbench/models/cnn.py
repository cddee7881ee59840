"""A plain convolutional network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from regbench.nn.checks import require_image, require_positive
from regbench.nn.layers import conv, dense, named
from regbench.nn.local import LocallyConnected, dense_map
from regbench.nn.norms import Norm, make_norm
from regbench.sites import Site

Connection = Literal["conv", "local", "dense"]
Shape = tuple[int, int, int]  # (C, H, W)

SMALLEST_POOLED = 4  # pixels: a map narrower than this is not pooled


class CNN(nn.Module):
    """Classify images by `depth` blocks of 3x3 convolution, ReLU and 2x2 max-pooling, and a dense head.

    Block i (from 0) has width * 2^i channels; a map narrower than 4 pixels is not pooled. The head is one
    hidden layer of 4 * width units (128 at width 32) and a linear layer. Activation noise acts at that hidden
    layer unless told where.

    `connection` says what of the convolutions' structure there is: conv has it all; local has their windows
    and a kernel of its own at every place; dense has neither, and connects all values with all. The maps keep
    their shapes, so the three compute with equally many units.

    Paper: LeCun, Bottou, Bengio and Haffner, 1998, https://doi.org/10.1109/5.726791, section II; ReLU and
    max-pooling for its sigmoids and subsampling.

    Args:
        in_shape: (channels, height, width) of an input.
        num_classes: C; the logits are (B, C).
        width: channels of the first block, at least 1.
        depth: blocks, at least 1.
        norm: what stands between each layer and its ReLU.
        connection: what stands in the place of each 3x3 convolution.

    Raises:
        ValueError: a size is below 1, the inputs are no images, a norm has too few values, or there is no
            such connection.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        num_classes: int,
        width: int,
        depth: int,
        norm: Norm,
        connection: Connection,
    ) -> None:
        super().__init__()
        require_positive(width=width, depth=depth)
        shape = require_image(in_shape)
        self.input = Site("input", shape)
        self.blocks = nn.Sequential()
        for index in range(depth):
            block, shape = _block(shape, width * 2**index, norm, connection)
            self.blocks.append(block)
        self.dense = dense(math.prod(shape), 4 * width, norm)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.dense(self.blocks(self.input(inputs)).flatten(1)))


def _block(in_shape: Shape, channels: int, norm: Norm, connection: Connection) -> tuple[nn.Sequential, Shape]:
    """A block, and the per-example shape of what it puts out."""
    _, height, width = in_shape
    shape = (channels, height, width)
    parts = _connected(in_shape, shape, norm, connection)
    parts["hidden"] = Site("hidden", shape, body=nn.ReLU(), default=False)
    if min(height, width) >= SMALLEST_POOLED:
        parts["pool"] = nn.MaxPool2d(2)
        shape = (channels, height // 2, width // 2)
    return named(parts), shape


def _connected(in_shape: Shape, shape: Shape, norm: Norm, connection: Connection) -> dict[str, nn.Module]:
    """The layer of a connection under the connection's name, and the norm site."""
    if connection == "conv":
        return conv(in_shape[0], shape, norm)
    bias = norm == "none"  # as with a convolution: a normalization has a shift of its own
    if connection == "local":
        layer: nn.Module = LocallyConnected(in_shape, shape[0], bias=bias)
    elif connection == "dense":
        layer = dense_map(in_shape, shape, bias)
    else:
        raise ValueError(f"connection must be one of {', '.join(get_args(Connection))}, got {connection!r}")
    return {connection: layer, "norm": Site("norm", shape, body=make_norm(norm, shape))}
