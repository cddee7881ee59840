"""The standardization of inputs, in front of a model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regbench.nn.logits import as_column, logits_of
from regbench.types import Split

ROWS_AT_ONCE = 1024  # bounds the memory: only this many rows are floats at any moment
MOST_AT_ONCE, FEWER_AT_ONCE = (
    2**22,
    2**20,
)  # numbers: where so many rows have more than the former, the latter
SMALLEST_STD = 1e-3  # a constant channel must not divide by zero


class Normalization(nn.Module):
    """Compute (inputs - mean) / std per channel.

    Args:
        mean: (C, 1, 1), in the units of the inputs.
        std: (C, 1, 1), above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    @classmethod
    def of(cls, split: Split) -> Normalization:
        """Measure mean and (biased) standard deviation per channel over all rows and pixels of a split.

        Inputs of shape (N, C, H, W) give buffers of shape (C, 1, 1); a standard deviation below 1e-3 counts
        as 1e-3. The inputs of a table are standardized already, and stay as they are: mean 0, deviation 1.
        """
        if split.columns is not None:
            plain = torch.zeros(split.inputs.shape[1:], device=split.device)
            return cls(plain, plain + 1)
        channels, *pixels = split.inputs.shape[1:]
        mean, squares = _moments(split)
        std = (squares - mean.square()).clamp(min=0).sqrt().clamp(min=SMALLEST_STD)
        shape = (channels, *(1 for _ in pixels))
        return cls(*(value.to(torch.get_default_dtype()).view(shape) for value in (mean, std)))

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs - self.mean) / self.std


def channel_means(split: Split) -> Tensor:
    """The mean of each channel over all rows and pixels of a split: (C,), in the units of a batch."""
    return _moments(split)[0].to(torch.get_default_dtype())


def _moments(split: Split) -> tuple[Tensor, Tensor]:
    """The mean of each channel, and the mean of its squares: (C,) float64 each."""
    channels = split.inputs.shape[1]
    total = torch.zeros(channels, dtype=torch.float64, device=split.device)
    squares = torch.zeros_like(total)
    each, size = split.inputs[:1].numel(), ROWS_AT_ONCE
    if size * each > MOST_AT_ONCE:
        size = max(1, FEWER_AT_ONCE // each)
    for start in range(0, len(split), size):
        values = split[slice(start, start + size)].inputs.double().transpose(0, 1).flatten(1)
        total += values.sum(1)
        squares += values.square_().sum(1)  # in place: no third copy in double precision
    count = split.inputs.numel() / channels
    return total / count, squares / count


class Normalized(nn.Module):
    """Show a model its inputs standardized, and show its logits alone: logits_of(net(normalization(inputs))).

    So everything before the model sees images in [0, 1], and everything after it a tensor (B, C), also where
    a person's own returns more than that in training, or (B,) where it predicts one number.

    Args:
        normalization: of the inputs.
        net: the person's own.
        outputs: C, or K numbers; None where nobody knows.

    Attributes:
        input: a site before the net, where its own modules are no sites; None where nothing stands there.
        note: what a person should know of the model, a sentence a line; empty where there is nothing.
        sought: the end of a sentence about a site that the net lacks.
    """

    def __init__(self, normalization: nn.Module, net: nn.Module, outputs: int | None = None) -> None:
        super().__init__()
        self.normalization = normalization
        self.net = net
        self.outputs = outputs
        self.input: nn.Module | None = None
        self.note = self.sought = ""

    def forward(self, inputs: Tensor) -> Tensor:
        inputs = self.normalization(inputs)
        output = self.net(inputs if self.input is None else self.input(inputs))
        return as_column(logits_of(output), self.outputs)
