"""A plain convolutional network."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from regbench.models.checks import require_image, require_positive
from regbench.models.layers import conv, dense, named
from regbench.models.norms import Norm
from regbench.sites import Site

SMALLEST_POOLED = 4  # pixels: a map narrower than this is not pooled


class CNN(nn.Module):
    """Classify images by `depth` blocks of 3x3 convolution, ReLU and 2x2 max-pooling, and a dense head.

    Block i (from 0) has width * 2^i channels; a map narrower than 4 pixels is not pooled. The head is one
    hidden layer of 4 * width units (128 at width 32) and a linear layer. Activation noise acts at that hidden
    layer unless told where.

    Paper: LeCun, Bottou, Bengio and Haffner, 1998, https://doi.org/10.1109/5.726791, section II; ReLU and
    max-pooling for its sigmoids and subsampling.

    Args:
        in_shape: (channels, height, width) of an input.
        num_classes: C; the logits are (B, C).
        width: channels of the first block, at least 1.
        depth: blocks, at least 1.
        norm: what stands between each layer and its ReLU.

    Raises:
        ValueError: a size is below 1, the inputs are no images, or a norm has too few values.
    """

    def __init__(self, in_shape: Sequence[int], num_classes: int, width: int, depth: int, norm: Norm) -> None:
        super().__init__()
        require_positive(width=width, depth=depth)
        shape = require_image(in_shape)
        self.input = Site("input", shape)
        self.blocks = nn.Sequential()
        for index in range(depth):
            block, shape = _block(shape, width * 2**index, norm)
            self.blocks.append(block)
        self.dense = dense(math.prod(shape), 4 * width, norm)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.dense(self.blocks(self.input(inputs)).flatten(1)))


def _block(
    in_shape: tuple[int, int, int], channels: int, norm: Norm
) -> tuple[nn.Sequential, tuple[int, int, int]]:
    """A block, and the per-example shape of what it puts out."""
    in_channels, height, width = in_shape
    shape = (channels, height, width)
    parts = conv(in_channels, shape, norm)
    parts["hidden"] = Site("hidden", shape, body=nn.ReLU(), default=False)
    if min(height, width) >= SMALLEST_POOLED:
        parts["pool"] = nn.MaxPool2d(2)
        shape = (channels, height // 2, width // 2)
    return named(parts), shape
