"""Weight noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from regbench.nn.passes import DrawnOnce
from regbench.nn.weight_noise import TINY, has_own_outputs
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.weights import first_names, regularized_places


@dataclass
class WeightNoise(Regularizer):
    """Add Gaussian noise to every weight in each forward pass of training.

    w + std * xi, xi ~ N(0, 1) for each entry, on all matrices and kernels; biases are spared, and the noise
    does not depend on how large a weight is (gaussian_dropout with target weight has noise in proportion).
    per example: each example has a draw of its own, so the outputs W v + b of dense layers and convolutions
    are drawn from the normal distribution that these have, N(W v + b, std^2 * sum(v^2)), each position by
    itself; other layers, such as recurrent ones, have one draw per forward pass. per batch: all have that,
    and a tied weight the same one at all of its places. The gradient is taken at the noisy weights and moves
    those without noise. Evaluation computes without it.
    In front of a normalization a weight's scale is free, and so is how much a given noise matters to it.

    Paper: Jim, Giles and Horne, 1996, https://doi.org/10.1109/72.548170; std 0.075 and one draw for each
    training sequence: Graves, Mohamed and Hinton, 2013, https://arxiv.org/abs/1303.5778, section 4; per
    example: Kingma, Salimans and Welling, 2015, https://arxiv.org/abs/1506.02557, section 2.3

    Attributes:
        std: standard deviation of the noise, in the unit of the weights, at least 0.
        per: whether the examples of a batch share a draw. Noise that they share is the same in all their
            gradients and averages out in no batch.

    Raises:
        ValueError: std is out of range; `prepare_model`: the model has no such weights.
    """

    kind = "noise on weights"
    off: ClassVar[Mapping[str, Any]] = {"std": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"std": Interval(0.005, 0.2, log=True)}
    follows = ("std",)

    std: float
    per: Literal["example", "batch"]

    def __post_init__(self) -> None:
        if self.std < 0:
            raise ValueError(f"std must be at least 0, got {self.std}")
        self._share = 0.0  # of all that the weights are, squared, that is noise

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        places = regularized_places(model)
        if not places:
            raise ValueError(f"{type(getattr(model, 'net', model)).__name__} has no weights to put noise on")
        squares = torch.cat(
            [getattr(layer, weight).detach().flatten().square() for _, layer, weight in places]
        )
        self._share = self.std**2 / (self.std**2 + squares.mean().item())
        for first, (name, layer, weight) in zip(first_names(places), places, strict=True):
            if self.per == "example" and has_own_outputs(layer):
                layer.register_forward_hook(NoisyOutputs(self, self.stream.at(name)))
            else:
                parametrize.register_parametrization(layer, weight, NoisyWeight(self, self.stream, first))
        return model

    def shared_noise(self) -> float:
        return self._share if self.per == "batch" else 0.0


class NoisyWeight(DrawnOnce):
    """weight + std * xi in training, with one xi at all readings of one forward pass."""

    def __init__(self, member: WeightNoise, stream: Stream, place: str) -> None:
        super().__init__(stream, place)
        self.member = member

    def forward(self, weight: Tensor) -> Tensor:
        if not self.training:
            return weight
        noise = self.draws().normal(weight.shape, weight.device)
        return weight + self.member.std * noise.to(weight.dtype)

    def extra_repr(self) -> str:
        return f"std={self.member.std}"


@dataclass
class NoisyOutputs:
    """A forward hook: in training, add what noise of each example's own weights makes of its outputs."""

    member: WeightNoise
    stream: Stream

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor], outputs: Tensor) -> Tensor | None:
        if not layer.training:
            return None
        noise = self.stream.normal(outputs.shape, outputs.device)
        return (outputs + self.member.std * lengths(layer, inputs[0]) * noise).to(outputs.dtype)


def lengths(layer: Any, inputs: Tensor) -> Tensor:
    """The length of what each output is a weighted sum of, in float32; spreads over the outputs."""
    squares = inputs.float().square()
    if isinstance(layer, nn.Linear):
        sums = squares.sum(-1, keepdim=True)
    else:
        with torch.autocast(inputs.device.type, enabled=False):
            # all outputs of a group are sums of the same: one of each is enough
            ones = torch.ones_like(layer.weight[: layer.groups], dtype=squares.dtype)
            sums = layer._conv_forward(squares, ones, None)
        if layer.groups > 1:
            sums = sums.repeat_interleave(layer.out_channels // layer.groups, dim=1)
    return sums.clamp(min=TINY).sqrt()
