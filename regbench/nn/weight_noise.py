"""Noise on weights: masks, the noise that they make of outputs, and activations averaged over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear
from torch.utils.checkpoint import checkpoint

from regbench.nn.passes import DrawnOnce
from regbench.streams import Clock, Stream
from regbench.strengths import Scheduled, times

Inference = Literal["mean", "gaussian", "closed"]
CHUNK_BYTES = 64 * 2**20  # masked weights that exist at once, where every example has its own
TINY = torch.finfo(torch.float32).tiny  # a root has no gradient at 0


class Scaled(Scheduled):
    """Multiply a weight by a constant, in training and in evaluation."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return times(weight, self.now("factor"))

    def extra_repr(self) -> str:
        return f"{self.factor}"


class MaskedWeight(DrawnOnce):
    """M * weight / (1 - p) in training, with one M at all readings of one forward pass."""

    def __init__(self, p: float, stream: Stream, place: str) -> None:
        super().__init__(stream, place)
        self.p = p

    def forward(self, weight: Tensor) -> Tensor:
        if not self.training:
            return weight
        mask = self.draws().mask(weight, 1 - self.p)
        return weight * mask.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


Act = Callable[[Any, Tensor, Tensor, float, Stream], Tensor]


@dataclass
class InTraining:
    """A forward hook: in training, put act(layer, inputs, outputs, p, stream) in the place of the outputs."""

    act: Act
    p: float
    stream: Stream

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor], outputs: Tensor) -> Tensor | None:
        return self.act(layer, inputs[0], outputs, self.p, self.stream) if layer.training else None


def has_own_outputs(layer: nn.Module) -> bool:
    """Whether a layer itself computes outputs from its weight, so that these can have its noise."""
    # torch's attention reads the weight of such a layer, and never calls it
    dense = isinstance(layer, nn.Linear) and not isinstance(layer, NonDynamicallyQuantizableLinear)
    return dense or isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)


def masked_by_example(layer: nn.Linear, inputs: Tensor, outputs: Tensor, p: float, stream: Stream) -> Tensor:
    """Compute (M_b * W / (1 - p)) v_b + b for each example b, in chunks of examples.

    What the outputs were is not read. The backward pass draws a chunk's masks again: kept, they would fill
    the memory that the chunks save.
    """
    weight = layer.weight
    positions = inputs.reshape(len(inputs), -1, inputs.shape[-1])
    chunks = positions.split(max(1, CHUNK_BYTES // (4 * weight.numel())))
    name = str(stream.key[1])
    products = []
    for chunk, seed in zip(chunks, stream.integers(2**62, (len(chunks),)).tolist(), strict=True):
        own = (chunk, weight, p, Stream(seed, name, Clock()))
        products.append(checkpoint(masked_product, *own, use_reentrant=False, preserve_rng_state=False))
    product = torch.cat(products).view(outputs.shape)
    return product if layer.bias is None else (product + layer.bias).to(outputs.dtype)


def masked_product(inputs: Tensor, weight: Tensor, p: float, stream: Stream) -> Tensor:
    """Multiply (B, T, in) by a masked weight (out, in) for each of the B, the same at every call."""
    masks = stream.at("masks").mask(weight, 1 - p, (len(inputs), *weight.shape))
    return torch.bmm(inputs, (masks * (weight / (1 - p))).transpose(1, 2))


def gaussian_outputs(layer: nn.Module, inputs: Tensor, outputs: Tensor, p: float, stream: Stream) -> Tensor:
    """Compute outputs + s * xi with xi ~ N(0, 1) for each element."""
    noise = stream.normal(outputs.shape, outputs.device)
    return (outputs + deviation(layer, inputs, p) * noise).to(outputs.dtype)


def deviation(layer: Any, inputs: Tensor, p: float) -> Tensor:
    """Standard deviation of each output under masks of p / (1 - p) relative variance, in float32."""
    squares, weight = inputs.square(), layer.weight.square()
    if isinstance(layer, nn.Linear):
        variance = F.linear(squares, weight)
    else:
        variance = layer._conv_forward(squares, weight, None)
    return (variance.float() * (p / (1 - p))).clamp(min=TINY).sqrt()


class Averaged(Scheduled):
    """Around an activation: in evaluation, its mean over normal inputs.

    Their standard deviation, under masks of the drop probability p, is what `TellDeviation` has left here.
    """

    def __init__(self, p: float, inference: Inference, samples: int, seed: int) -> None:
        super().__init__()
        self.p, self.inference, self.samples, self.seed = p, inference, samples, seed
        self.expected: tuple[Tensor, Tensor] | None = None
        self._drawn: list[Tensor] = []

    def forward(self, body: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        if self.training:
            return body(inputs)
        expected, self.expected = self.expected, None
        if expected is None or expected[0] is not inputs:
            raise ValueError(
                "the layer's output must go straight into the hidden site, got something between"
            )
        mean, spread = inputs.float(), expected[1]
        averaged = (
            rectified_mean(mean, spread) if self.inference == "closed" else self._sampled(body, mean, spread)
        )
        return averaged.to(inputs.dtype)

    def extra_repr(self) -> str:
        return self.inference + (f", samples={self.samples}" if self.inference == "gaussian" else "")

    def _sampled(self, body: Callable[[Tensor], Tensor], mean: Tensor, spread: Tensor) -> Tensor:
        total = torch.zeros_like(mean)
        for noise in self._draws(mean.shape[1:], mean.device):
            total = total + body(mean + spread * noise)
        return total / self.samples

    def _draws(self, shape: torch.Size, device: torch.device) -> list[Tensor]:
        """The same for all examples: what one is given does not depend on its place in a batch.

        They are drawn once, so that a program of the model has them as numbers and not as draws.
        """
        if not self._drawn or (self._drawn[0].shape, self._drawn[0].device) != (shape, device):
            generator = torch.Generator(device).manual_seed(self.seed)
            self._drawn = [
                torch.randn(shape, generator=generator, device=device) for _ in range(self.samples)
            ]
        return self._drawn


@dataclass
class TellDeviation:
    """A forward hook: in evaluation, tell `Averaged` the outputs and their standard deviation."""

    averaged: Averaged

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor], outputs: Tensor) -> None:
        if not layer.training:
            self.averaged.expected = (outputs, deviation(layer, inputs[0], self.averaged.now("p")))


def rectified_mean(mean: Tensor, spread: Tensor) -> Tensor:
    """E[relu(u)] for u ~ N(mean, spread^2)."""
    ratio = mean / spread
    density = (ratio.square() / -2).exp() / (2 * torch.pi) ** 0.5
    return (mean * torch.special.ndtr(ratio) + spread * density).clamp(min=0)
