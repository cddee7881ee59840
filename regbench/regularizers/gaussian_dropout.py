"""Gaussian dropout, on activations or on weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.nn.utils import parametrize

from regbench.nn.passes import DrawnOnce
from regbench.nn.weight_noise import InTraining, gaussian_outputs, has_own_outputs
from regbench.regularizers.base import Regularizer
from regbench.sites import Where, insert
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.weights import first_names, plain_name, regularized_places

Target = Literal["activation", "weight"]


@dataclass
class GaussianDropout(Regularizer):
    """Multiply by Gaussian noise of mean 1 and dropout's variance while training.

    h * (1 + sigma * xi), xi ~ N(0, 1) for each element, sigma^2 = p / (1 - p): the first two moments of
    inverted dropout at the same p. target activation: every example has noise of its own. target weight, not
    in the paper: w * (1 + sigma * xi) on all matrices and kernels, biases spared. per example: each example
    has a draw of its own, so the outputs W v + b of dense layers and convolutions are drawn from the normal
    distribution that these have, N(W v + b, sigma^2 (W * W)(v * v)), each position by itself; other layers,
    such as recurrent ones, have one draw per forward pass. per batch: all layers have that, and a weight
    that is tied the same one at all of its places.
    Evaluation computes without noise. A share of the factors is negative: 16 % at p=0.5. Departure from the
    paper: p drops, where the paper's p keeps.

    Paper: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html, section 10; per example:
    Kingma, Salimans and Welling, 2015, https://arxiv.org/abs/1506.02557, section 2.3

    Attributes:
        p: the drop probability of the dropout with the same variance, in [0, 1).
        target: what the noise multiplies.
        per: with target weight, whether the examples of a batch share a draw. Noise that they share is the
            same in all their gradients and averages out in no batch.
        where: which of the model's hidden sites; of no account with target weight.

    Raises:
        ValueError: p is out of range; `prepare_model`: the model has no such site, or no weights.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.7)}
    follows = ("p",)

    p: float
    target: Target
    per: Literal["example", "batch"]
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")
        self._shared: list[str] = []  # the weights that have one draw for a whole batch
        self._hooks: list[InTraining] = []

    def follow(self, progress: float) -> None:
        super().follow(progress)
        for hook in self._hooks:
            hook.p = self.p

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        if self.target == "activation":
            insert(model, "hidden", self.where, lambda name, _: Noise(self.p, self.stream.at(name)))
            return model
        places = regularized_places(model)
        if not places:
            raise ValueError(f"{type(model).__name__} has no weights to put noise on")
        for first, (name, layer, weight) in zip(first_names(places), places, strict=True):
            if self.per == "example" and has_own_outputs(layer):
                self._hooks.append(InTraining(gaussian_outputs, self.p, self.stream.at(name)))
                layer.register_forward_hook(self._hooks[-1])
            else:
                noise = WeightNoise(self.p, self.stream, first)
                parametrize.register_parametrization(layer, weight, noise)
                self._shared.append(name)
        return model

    def note(self) -> str:
        names = [plain_name(name).removeprefix("net.").replace(".body.", ".") for name in self._shared]
        return f"one draw a batch for {', '.join(names)}" if names else ""

    def shared_noise(self) -> float:
        return self.p if self._shared else 0.0


class Noise(nn.Module):
    """Multiply activations of any shape by fresh noise in training."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, inputs: Tensor) -> Tensor:
        return noisy(inputs, self.p, self.stream) if self.training else inputs

    def extra_repr(self) -> str:
        return f"p={self.p}"


class WeightNoise(DrawnOnce):
    """Multiply a weight by noise that is the same at every reading of one forward pass."""

    def __init__(self, p: float, stream: Stream, place: str) -> None:
        super().__init__(stream, place)
        self.p = p

    def forward(self, weight: Tensor) -> Tensor:
        if not self.training:
            return weight
        return noisy(weight, self.p, self.draws())

    def extra_repr(self) -> str:
        return f"p={self.p}"


def noisy(tensor: Tensor, p: float, stream: Stream) -> Tensor:
    """The tensor times 1 + sqrt(p / (1 - p)) * xi, in the tensor's own type."""
    # the factors stay float32: near 1 bfloat16 has steps of 1/128
    factors = stream.normal(tensor.shape, tensor.device).mul_((p / (1 - p)) ** 0.5).add_(1)
    return (tensor * factors).to(tensor.dtype)
