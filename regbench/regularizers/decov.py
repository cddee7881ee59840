"""DeCov: decorrelated hidden units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import sites
from regbench.space import Domain, Interval
from regbench.types import ForwardPass

MAP = 4  # axes of a batch of maps (B, C, H, W)


@dataclass
class DeCov(Regularizer):
    """Ask the units of a hidden layer to vary independently of each other.

    With h the outputs of a hidden site, after whatever other members put there, and C_ij their covariance
    over the rows of the batch, mean((h_i - mean h_i)(h_j - mean h_j)), it adds to the objective, summed over
    the hidden sites, strength * (||C||^2 - ||diag C||^2) / 2: the squares of the covariances of each pair,
    each once. Of sequences (B, T, N) every position is a row. Maps of convolutions are left alone, as in the
    paper; the sum grows with the square of a layer's width. A covariance is that of a micro-batch where there
    are several, and is worth little where rows are few beside units. In front of a normalization the scale of
    outputs is free, and the penalty can be met by that alone.

    Paper: Cogswell et al., 2016, https://arxiv.org/abs/1511.06068, eq. 2 and 3

    Attributes:
        strength: weight of the squares, at least 0.

    Raises:
        ValueError: strength is out of range; `prepare_model`: the model has no hidden site but of maps.
    """

    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"strength": Interval(1e-3, 1.0, log=True)}
    records_hidden: ClassVar[bool] = True
    follows = ("strength",)

    strength: float

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off and all(len(site.shape) + 1 >= MAP for _, site in sites(model, "hidden")):
            name = type(getattr(model, "net", model)).__name__
            raise ValueError(f"{name} has no 'hidden' site but of maps, whose units are not decorrelated")
        return model

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        terms = [_shared(outputs.float().flatten(0, -2)) for outputs in forward.hidden if outputs.ndim < MAP]
        return self.strength * torch.stack(terms).sum()


def _shared(rows: Tensor) -> Tensor:
    """Half the sum of the squared covariances of units that differ: (R, N) becomes a scalar."""
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / len(rows)
    return (covariance - torch.diag(covariance.diagonal())).square().sum() / 2
