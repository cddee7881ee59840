"""Layers of a convolution's shape that share less than it does."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.checks import require_positive


class LocallyConnected(nn.Module):
    """Look through a convolution's windows with a kernel and a bias of its own at every place.

    out[b, o, i, j] = bias[i, j, o] + sum over c, u, v of
    weight[i, j, o, c, u, v] * inputs[b, c, i + u - p, j + v - p], with p = kernel // 2 and zeros beyond the
    border. Stride 1, so the map keeps its size. Initial values are torch's for a convolution: uniform within
    1 / sqrt(fan_in), fan_in = C * kernel^2.

    Paper: LeCun, 1989, Generalization and network design strategies,
    http://yann.lecun.com/exdb/publis/pdf/lecun-89.pdf, section 4 (local connections without shared weights)

    Args:
        in_shape: per-example shape (C, H, W) of the inputs.
        channels: channels of the output, at least 1.
        kernel: side of the window, odd.
        bias: whether there is one.

    Attributes:
        weight: (H * W * channels, C, kernel, kernel), the unit at row i, column j, channel o being
            (i * W + j) * channels + o: like every torch layer's, its first axis counts output units.
        bias: (H * W * channels,) in the same order, or None.

    Raises:
        ValueError: a size is below 1, or the kernel even.
    """

    regularized: ClassVar = ("weight",)

    def __init__(
        self, in_shape: tuple[int, int, int], channels: int, kernel: int = 3, bias: bool = True
    ) -> None:
        super().__init__()
        require_positive(channels=channels, kernel=kernel)
        if kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, got {kernel}")
        self.in_shape, self.channels, self.kernel = in_shape, channels, kernel
        fan_in = in_shape[0] * kernel**2
        units = in_shape[1] * in_shape[2] * channels
        self.weight = nn.Parameter(torch.empty(units, in_shape[0], kernel, kernel))
        self.bias = nn.Parameter(torch.empty(units)) if bias else None
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, channels, H, W).

        Raises:
            ValueError: the inputs have another shape than the layer was made for.
        """
        if tuple(inputs.shape[1:]) != self.in_shape:
            shape = tuple(inputs.shape[1:])
            raise ValueError(f"each of the inputs must have shape {self.in_shape}, got {shape}")
        _, height, width = self.in_shape
        places = height * width
        # examples innermost: the copy of the windows then runs along memory, which halves the layer's time
        padded = F.pad(inputs, (self.kernel // 2,) * 4).permute(1, 2, 3, 0).contiguous()
        windows = padded.unfold(1, self.kernel, 1).unfold(2, self.kernel, 1)  # (C, H, W, B, k, k)
        columns = windows.permute(1, 2, 0, 4, 5, 3).reshape(places, -1, len(inputs))
        outputs = torch.bmm(self.weight.reshape(places, self.channels, -1), columns)
        if self.bias is not None:
            outputs = outputs + self.bias.view(places, self.channels, 1)
        return outputs.permute(2, 1, 0).reshape(-1, self.channels, height, width).contiguous()

    def extra_repr(self) -> str:
        return f"{self.in_shape}, {self.channels}, kernel={self.kernel}, bias={self.bias is not None}"


def dense_map(in_shape: tuple[int, int, int], shape: tuple[int, int, int], bias: bool) -> nn.Sequential:
    """Map (B, *in_shape) to (B, *shape) by a linear layer between all values: no window, nothing shared."""
    linear = nn.Linear(math.prod(in_shape), math.prod(shape), bias=bias)
    parts = {"flatten": nn.Flatten(), "linear": linear, "unflatten": nn.Unflatten(1, shape)}
    return nn.Sequential(OrderedDict(parts))
