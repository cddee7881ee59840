"""Activity penalty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import select
from regbench.space import Domain, Interval
from regbench.types import ForwardPass


@dataclass
class Activity(Regularizer):
    """Ask hidden units to be quiet.

    With h the outputs of a hidden site, after whatever other members put there, it adds to the objective,
    summed over the hidden sites, norm l1: strength * mean(|h|), which makes many outputs zero; norm l2:
    strength * mean(h^2), which makes large ones smaller. The means are over rows, units and places, so that a
    strength means the same for narrow and for wide layers: where others sum over the n units of a layer (the
    paper of l1, Keras), theirs is 1 / n of this one. In front of a normalization the scale of outputs is
    free, and this pulls at nothing but it.

    Paper: l1: Glorot, Bordes and Bengio, 2011, https://proceedings.mlr.press/v15/glorot11a.html, section 4
    (0.001, summed over units); l2: Merity, McCann and Socher, 2017, https://arxiv.org/abs/1708.01009
    (on the outputs of an LSTM)

    Attributes:
        strength: weight of the mean, at least 0.
        norm: of what the mean is taken.

    Raises:
        ValueError: strength is out of range; `prepare_model`: the model has no hidden site.
    """

    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"strength": Interval(1e-3, 10.0, log=True)}
    records_hidden: ClassVar[bool] = True
    follows = ("strength",)

    strength: float
    norm: Literal["l1", "l2"]

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off:
            select(model, "hidden")
        return model

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        hidden = [outputs.float() for outputs in forward.hidden]
        means = [(h.abs() if self.norm == "l1" else h.square()).mean() for h in hidden]
        return self.strength * torch.stack(means).sum()
