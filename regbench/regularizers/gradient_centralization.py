"""Gradient centralization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from regbench.nn.units import units_of
from regbench.regularizers.base import Regularizer
from regbench.space import Domain
from regbench.weights import FoundWeights

Layers = Literal["none", "all", "conv"]


@dataclass
class GradientCentralization(Regularizer):
    """Take its mean out of the gradient of each unit's weights.

    g_i <- g_i - mean(g_i) for each unit i: one output of a dense layer, one filter of a convolution, one gate
    of one recurrent unit, with the weights that lead into it. So a step leaves the mean of a unit's weights
    where it began (plain SGD and momentum to the bit of rounding; Adam, which scales each entry, does not).
    It acts on the whole gradient of a step, where it stands among the members that edit gradients; decay by
    `l2` comes later, other than in mode penalty. Biases, normalizations and embeddings are left alone, and so
    are units with a single weight, whose gradient would be 0.

    Paper: Yong et al., 2020, https://arxiv.org/abs/2004.01461, eq. 1

    Attributes:
        layers: of which layers: all (dense, convolutional, recurrent, attention), conv alone, or none.

    Raises:
        ValueError: `prepare_model`: the model has no such layer.
    """

    off: ClassVar[Mapping[str, Any]] = {"layers": "none"}
    search: ClassVar[Mapping[str, Domain]] = {}

    layers: Layers

    def __post_init__(self) -> None:
        self._found = FoundWeights("weights")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        there = FoundWeights("weights").with_modules(model)  # a later member may put more into it
        if not self.is_off and not any(map(self._is_meant, there)):
            wanted = "convolutional layer" if self.layers == "conv" else "layer"
            raise ValueError(f"{type(getattr(model, 'net', model)).__name__} has no {wanted} to centralize")
        return model

    @torch.no_grad()
    def edit_gradients(self, model: nn.Module) -> None:
        if self.is_off:
            return
        for found in filter(self._is_meant, self._found.with_modules(model)):
            _, module, weight = found
            if weight.grad is not None:
                units = units_of(module)
                gradient = units.view(weight.grad)
                gradient.sub_(gradient.mean(units.axes(weight), keepdim=True))

    def _is_meant(self, found: tuple[str, nn.Module, torch.Tensor]) -> bool:
        _, module, weight = found
        if self.layers == "conv" and not isinstance(module, _ConvNd):
            return False
        return units_of(module).size(weight) > 1
