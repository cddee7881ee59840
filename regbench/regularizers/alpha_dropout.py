"""Alpha dropout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, select
from regbench.space import Domain, Interval
from regbench.streams import Stream

FLOOR = -1.7580993408473766  # of SELU: -lambda * alpha = -1.0507009873554805 * 1.6732632423543772


@dataclass
class AlphaDropout(Regularizer):
    """Drop activations of SELU to its floor, and keep mean 0 and variance 1 as they are.

    With q = 1 - p, m ~ Bernoulli(q) for each element and f = -1.7581, the limit of SELU far below 0, h
    becomes a * (m * h + (1 - m) * f) + b, a = (q + f^2 q p)^(-1/2) and b = -a p f: of activations with mean 0
    and variance 1 these stay, where dropout would change the variance. Evaluation leaves h alone. With
    activation selu SELU takes the place of the activations at the sites; with keep they must be SELU.

    Self-normalizing networks also begin with weights of variance 1 / fan-in, and no member changes the start
    of a run: dense layers here begin with torch's, a third of that. A normalization before the activation
    (`model.norm`) gives SELU the inputs that it is made for.

    Paper: Klambauer et al., 2017, https://arxiv.org/abs/1706.02515 (SELU, and its new dropout technique)

    Attributes:
        p: the drop probability, in [0, 1).
        activation: whether SELU is put at the sites; at p=0 it is all that is done.
        where: which of the model's hidden sites; input is refused.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such site, or one without an
            activation, or with another than SELU that is to be kept, or that another member has replaced.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0, "activation": "keep"}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.01, 0.3)}
    follows = ("p",)

    p: float
    activation: Literal["selu", "keep"]
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")
        if self.where == "input":
            raise ValueError("where must be default, all, first, last, or indices, got input")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        for name, site in select(model, "hidden", self.where):
            self._require_selu(name.removeprefix("net."), site)
            if self.p:
                site.after.append(AlphaDrop(self.p, self.stream.at(name)))
        return model

    def _require_selu(self, name: str, site: Site) -> None:
        """Put SELU there, or refuse."""
        if isinstance(site.body, nn.SELU):
            return
        found = type(site.body).__name__
        if isinstance(site.body, nn.Identity):
            raise ValueError(f"where must name sites of activations, got {name}, which has none")
        if self.activation == "keep":
            raise ValueError(f"activation must be selu where another stands, as {found} at {name}, got keep")
        if site.replaced:
            raise ValueError(f"another member has already replaced what stands at {name}; keep one")
        site.body, site.replaced = nn.SELU(), True


class AlphaDrop(nn.Module):
    """Drop values of any shape to SELU's floor, and scale and move all, on a stream of one's own."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        p, q = self.p, 1 - self.p
        scale = (q + FLOOR**2 * q * p) ** -0.5
        kept = self.stream.bits(q, inputs.shape, inputs.device)
        return torch.where(kept, inputs, FLOOR) * scale - scale * p * FLOOR

    def extra_repr(self) -> str:
        return f"p={self.p}"
