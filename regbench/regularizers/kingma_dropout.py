"""Variational dropout of Kingma: Gaussian noise on weights whose strength is learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.weight_noise import TINY, has_own_outputs
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.types import ForwardPass
from regbench.weights import first_names, regularized_places

Rates = Literal["layer", "unit", "weight"]
COEFFICIENTS = (1.16145124, -1.50204118, 0.58629921)  # of alpha, its square and its cube, in the paper


@dataclass
class KingmaDropout(Regularizer):
    """Gaussian dropout of the weights of dense layers and convolutions, whose rates are learned with them.

    Each weight is w * (1 + sqrt(alpha) * xi) with xi ~ N(0, 1) for each example, so that outputs are drawn,
    each by itself, from N(W v + b, (alpha * W * W)(v * v)) (the local reparametrization). alpha is learned:
    exp of a parameter that begins at log(p / (1 - p)) and is cut to at most 1 after every step. The objective
    has strength / N times the divergence of the weights' distribution from a log-uniform prior, N the number
    of train rows:
    sum over the weights of D(alpha) - D(1), D(alpha) = -0.5 log(alpha) - c1 alpha - c2 alpha^2 - c3 alpha^3
    with the paper's c1 = 1.16145124, c2 = -1.50204118, c3 = 0.58629921. It falls to 0 at alpha = 1: it wants
    noise, and the data loss wants none. Evaluation computes with the weights themselves. With a ramp the
    divergence is weighted in proportion to the steps, from 0 in the first to strength at that share of the
    run. Biases have no noise; recurrent and attention weights neither.

    The rates learn by the model's optimizer and learning rate: rates=layer has a gradient of the order of the
    number of weights over N, which plain SGD may not bear, and rates=weight one of 1 / N, which is slow.

    Paper: Kingma, Salimans and Welling, 2015, https://arxiv.org/abs/1506.02557, sections 2.3 and 3

    Attributes:
        p: the drop probability of the dropout with the noise at the start, in [0, 0.5].
        rates: who has an alpha: each layer, each output unit or channel, or each weight.
        strength: weight of the divergence, at least 0; the paper's bound has 1.
        ramp: share of the run, in [0, 1], over which the divergence comes in; 0: it is whole from the start.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no dense layer or convolution, or
            another such member is there.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "p": Interval(0.02, 0.5),
        "strength": Interval(0.01, 1.0, log=True),
    }
    follows = ("strength",)
    fixed: ClassVar[Mapping[str, str]] = {
        "p": "it is only where the learned rates begin",
        "ramp": "it is a share of the run itself",
    }

    p: float
    rates: Rates
    strength: float
    ramp: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 0.5:
            raise ValueError(f"p must lie in [0, 0.5], got {self.p}")
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if not 0 <= self.ramp <= 1:
            raise ValueError(f"ramp must lie in [0, 1], got {self.ramp}")
        self._noises: list[LearnedNoise] = []
        self._share = 0.0 if self.ramp else 1.0

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        places, made = regularized_places(model), dict[str, LearnedNoise]()
        for first, (name, layer, own) in zip(first_names(places), places, strict=True):
            if has_own_outputs(layer):
                if hasattr(layer, "learned_noise"):
                    raise ValueError(f"another member learns the noise of {name} already; keep one")
                if first not in made:  # one that is tied has its rates once
                    weight = getattr(layer, own)
                    made[first] = LearnedNoise(weight, self.p, self.rates, self.stream.at(name))
                layer.add_module("learned_noise", made[first])
                layer.register_forward_hook(act)
        self._noises += made.values()
        if not self._noises:
            raise ValueError(f"{type(model).__name__} has no dense layers or convolutions to put noise on")
        return model

    def begin_step(self, progress: float) -> None:
        self._share = min(1.0, progress / self.ramp) if self.ramp else 1.0

    @property
    def follows_length(self) -> bool:
        return super().follows_length and self.ramp > 0

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off or self.strength == 0:
            return None
        total = torch.stack([noise.divergence() for noise in self._noises]).sum()
        return total * (self.strength * self._share / self.train_rows)

    def edit_weights(self, model: nn.Module) -> None:
        with torch.no_grad():
            for noise in self._noises:
                noise.log_alpha.clamp_(max=0)

    def metrics(self, model: nn.Module) -> dict[str, float]:
        if self.is_off:
            return {}
        means = [noise.log_alpha.detach().exp().mean() for noise in self._noises]
        return {"alpha": torch.stack(means).mean().item()}


class LearnedNoise(nn.Module):
    """The rates of a layer, and the noise that they make of its outputs.

    Args:
        weight: the layer's, (out, in) or (out, in, ...).
        p: of the noise at the start, in (0, 0.5].
        rates: who has one.
        stream: where the draws come from.

    Attributes:
        log_alpha: (1, 1, ...), (out, 1, ...) or the weight's shape, at most 0.
    """

    def __init__(self, weight: Tensor, p: float, rates: Rates, stream: Stream) -> None:
        super().__init__()
        ones = (1,) * (weight.ndim - 1)
        shape = {"layer": (1, *ones), "unit": (len(weight), *ones), "weight": tuple(weight.shape)}[rates]
        start = weight.detach().new_full(shape, math.log(p / (1 - p)))
        self.log_alpha = nn.Parameter(start)
        self.repeats = weight.numel() // start.numel()  # weights to each rate
        self.stream = stream

    def forward(self, layer: Any, inputs: Tensor, outputs: Tensor) -> Tensor:
        """The outputs with their noise; a root has no gradient at 0, so variances are at least tiny."""
        squares, weight = inputs.square(), layer.weight.square() * self.log_alpha.exp()
        if isinstance(layer, nn.Linear):
            variance = F.linear(squares, weight)
        else:
            variance = layer._conv_forward(squares, weight, None)
        noise = self.stream.normal(outputs.shape, outputs.device)
        return (outputs + variance.float().clamp(min=TINY).sqrt() * noise).to(outputs.dtype)

    def divergence(self) -> Tensor:
        """The sum over the weights of D(alpha) - D(1), a scalar."""
        alpha = self.log_alpha.exp()
        powers = [alpha, alpha.square(), alpha**3]
        polynomial = sum(c * (1 - power) for c, power in zip(COEFFICIENTS, powers, strict=True))
        return self.repeats * (polynomial - 0.5 * self.log_alpha).sum()


def act(layer: nn.Module, inputs: tuple[Tensor], outputs: Tensor) -> Tensor | None:
    """A forward hook: in training, put noise on what the layer puts out."""
    noise: Any = layer.learned_noise
    return noise(layer, inputs[0], outputs) if layer.training else None
