"""Curriculum dropout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, insert
from regbench.space import Domain, Interval
from regbench.streams import Stream


@dataclass
class CurriculumDropout(Regularizer):
    """Drop activations as inverted dropout does, none at first and more and more with the steps.

    At the share s of the run, 0 in its first step and 1 in its last, the drop probability is
    p(s) = p * (1 - exp(-gamma * s)), and h becomes m * h / (1 - p(s)) with m ~ Bernoulli(1 - p(s)) for each
    element. Evaluation leaves h alone. With gamma=10 half of p is reached after 7 % of the run, 99 % after
    46 %. Departure from the paper: p drops, where the paper's theta keeps; its gamma counts updates, and is
    10 over their number.

    Paper: Morerio et al., 2017, https://arxiv.org/abs/1703.06229 (the curriculum function)

    Attributes:
        p: the drop probability that is approached, in [0, 1).
        gamma: how fast, above 0; at a small gamma p(s) is p * gamma * s.
        where: which of the model's hidden sites.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such site.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "p": Interval(0.05, 0.7),
        "gamma": Interval(1.0, 50.0, log=True),
    }
    follows = ("p", "gamma")

    p: float
    gamma: float
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")
        if self.gamma <= 0:
            raise ValueError(f"gamma must be above 0, got {self.gamma}")
        self._drops: list[Drop] = []

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off:
            insert(model, "hidden", self.where, self._make)
        return model

    def begin_step(self, progress: float) -> None:
        for drop in self._drops:
            drop.p = self.p * -math.expm1(-self.gamma * progress)

    def _make(self, name: str, site: Site) -> nn.Module:
        self._drops.append(Drop(self.stream.at(name)))
        return self._drops[-1]


class Drop(nn.Module):
    """Drop activations of any shape with the probability of this step.

    Attributes:
        p: the probability.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = 0.0, stream

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return inputs
        q = 1 - self.p
        # the product is divided, not the mask: a mask of 1/q in bfloat16 would be off everywhere by one error
        return (inputs * self.stream.mask(inputs, q)).div_(q)

    def extra_repr(self) -> str:
        return f"p={self.p:.4g}"
