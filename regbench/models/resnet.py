"""Residual networks for small images."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.checks import require_image, require_positive
from regbench.nn.layers import conv, named
from regbench.nn.norms import Norm
from regbench.sites import Site


class ResNet(nn.Module):
    """Classify images by a 3x3 convolution, stages of basic residual blocks, mean pooling and a linear head.

    depth = 6n + 2: three stages of n blocks with width * (1, 2, 4) channels, the paper's CIFAR family, with
    shortcuts that have no parameters (its option A). depth = 18: four stages of two blocks with
    width * (1, 2, 4, 8) channels and projection shortcuts (option B); the ImageNet stem (7x7 convolution,
    max-pooling) is left out. Every stage but the first begins by halving the map. Activation noise acts on
    the pooled features unless told where.

    Paper: He, Zhang, Ren and Sun, 2016, https://arxiv.org/abs/1512.03385, sections 3.3 and 4.2

    Args:
        in_shape: (channels, height, width) of an input.
        num_classes: C; the logits are (B, C).
        width: channels of the first stage, at least 1.
        depth: layers with weights, shortcuts not counted: 18 or 6n + 2 with n >= 1.
        norm: what follows each convolution.

    Raises:
        ValueError: a size is out of range, the inputs are no images, or a norm has too few values.
    """

    def __init__(self, in_shape: Sequence[int], num_classes: int, width: int, depth: int, norm: Norm) -> None:
        super().__init__()
        require_positive(width=width, depth=depth)
        image = require_image(in_shape)
        stages, blocks = _stages(depth)
        shape = (width, image[1], image[2])
        self.input = Site("input", image)
        self.stem = named(conv(image[0], shape, norm) | {"hidden": _relu(shape)})
        self.blocks = nn.Sequential()
        for index in range(stages * blocks):
            stride = 2 if index and index % blocks == 0 else 1
            block = Block(shape, stride, norm, projection=stages == 4)
            self.blocks.append(block)
            shape = block.shape
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.features = Site("hidden", shape[:1])
        self.head = nn.Linear(shape[0], num_classes)
        _initialize(self)

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.blocks(self.stem(self.input(inputs)))
        return self.head(self.features(self.pool(maps).flatten(1)))


class Block(nn.Module):
    """Compute ReLU(branch(inputs) + shortcut(inputs)), the branch being conv-norm-ReLU-conv-norm.

    Args:
        in_shape: per-example shape (C, H, W) of the inputs.
        stride: 1, or 2 to halve the map and double the channels.
        norm: what follows each convolution.
        projection: whether a shortcut that must change the shape is a 1x1 convolution and a norm; else it is
            `Shortcut`.

    Attributes:
        shape: per-example shape of the outputs.
    """

    def __init__(self, in_shape: tuple[int, int, int], stride: int, norm: Norm, projection: bool) -> None:
        super().__init__()
        channels, height, width = in_shape
        self.shape = shape = (channels * stride, -(-height // stride), -(-width // stride))
        branch = {
            "first": named(conv(channels, shape, norm, stride)),
            "hidden": _relu(shape),
            "second": named(conv(shape[0], shape, norm)),
        }
        self.branch = Site("branch", shape, body=named(branch))
        if stride == 1:
            self.shortcut: nn.Module = nn.Identity()
        elif projection:
            self.shortcut = named(conv(channels, shape, norm, stride, kernel=1))
        else:
            self.shortcut = Shortcut(stride, shape[0] - channels)
        self.hidden = _relu(shape)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.hidden(self.branch(inputs) + self.shortcut(inputs))


class Shortcut(nn.Module):
    """Keep every stride-th pixel and append channels of zeros: the paper's option A."""

    def __init__(self, stride: int, extra_channels: int) -> None:
        super().__init__()
        self.stride, self.extra_channels = stride, extra_channels

    def forward(self, inputs: Tensor) -> Tensor:
        kept = inputs[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, 0, self.extra_channels))


def _stages(depth: int) -> tuple[int, int]:
    """Number of stages, and of blocks in each."""
    if depth == 18:
        return 4, 2
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth must be 18 or 6n + 2 (8, 14, 20, 32, 44, 56, 110, ...), got {depth}")
    return 3, (depth - 2) // 6


def _relu(shape: tuple[int, int, int]) -> Site:
    return Site("hidden", shape, body=nn.ReLU(), default=False)


def _initialize(model: nn.Module) -> None:
    """Keep the variance of gradients through convolutions and ReLUs (He et al., 2015)."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
