"""Weight standardization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from regbench.nn.units import Units, units_of
from regbench.regularizers.base import Optimizer, Regularizer
from regbench.space import Domain
from regbench.weights import regularized_places, require_free_scale


@dataclass
class WeightStandardization(Regularizer):
    """Let each filter of a convolution have mean 0 and variance 1.

    A convolution computes with (W_i - mean(W_i)) / sqrt(var(W_i) + eps) for each filter i, in training and in
    evaluation, the variance being that of all its values (n, not n - 1). The gradient goes through mean and
    variance, so a filter's own scale and shift are free. scale unit is that, and wants a normalization behind
    the convolutions: without one, activations grow by the root of the filter's size in every layer. scale
    fan_in divides by that root too, so that outputs have about the variance of inputs, and needs none. Dense
    layers, and so the head, are left as they are; so are filters of a single value.

    Paper: Qiao et al., 2019, https://arxiv.org/abs/1903.10520; scale fan_in: Brock, De and Smith, 2021,
    https://arxiv.org/abs/2101.08692 (scaled weight standardization), without its gain

    Attributes:
        layers: of which layers: conv, or none.
        scale: what a filter's standard deviation becomes: unit 1, fan_in 1 / sqrt(its number of values);
            auto: unit in a model that has a normalization, else fan_in.
        eps: what is added to the variance, above 0.

    Raises:
        ValueError: eps is out of range; `prepare_model`: the model has no convolution, or
            another member sets the scale of one.
    """

    kind = "architecture"
    off: ClassVar[Mapping[str, Any]] = {"layers": "none"}
    search: ClassVar[Mapping[str, Domain]] = {}
    fixed: ClassVar[Mapping[str, str]] = {"eps": "it only keeps a division from zero"}

    layers: Literal["none", "conv"]
    scale: Literal["auto", "unit", "fan_in"]
    eps: float

    def __post_init__(self) -> None:
        if self.eps <= 0:
            raise ValueError(f"eps must be above 0, got {self.eps}")
        self._model: nn.Module = nn.Identity()
        self._fixed: bool | None = None
        self._note = ""

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        self._model, found = model, False
        for name, layer, weight in regularized_places(model):
            units = units_of(layer)
            if isinstance(layer, _ConvNd) and units.size(getattr(layer, weight)) > 1:
                found = True
                require_free_scale(name, layer, weight)
                parametrize.register_parametrization(layer, weight, Standardized(self, units))
        if not found:
            called = type(getattr(model, "net", model)).__name__
            raise ValueError(f"{called} has no convolution to standardize, as models of images have")
        return model

    def prepare_optimizer(self, optimizer: Optimizer) -> Optimizer:
        if not self.is_off and self.scale != "fan_in":  # every member has had the model now
            self._note = self._understood(self._has_normalization())
        self._fixed = self.by_fan_in
        return optimizer

    @property
    def by_fan_in(self) -> bool:
        """Whether filters are divided by the root of their size: as the model stands until a run is built.

        A model that is loaded has no optimizer: there it is as the model stands at each reading.
        """
        if self._fixed is not None:
            return self._fixed
        return self.scale == "fan_in" or (self.scale == "auto" and not self._has_normalization())

    def note(self) -> str:
        return self._note

    def _has_normalization(self) -> bool:
        kinds = _NormBase | nn.GroupNorm | nn.LayerNorm
        return any(isinstance(module, kinds) for module in self._model.modules())

    def _understood(self, normal: bool) -> str:
        if self.scale == "auto":
            chosen, why = ("unit", "has a") if normal else ("fan_in", "has no")
            return f"scale auto means {chosen}: the model {why} normalization"
        return (
            ""
            if normal
            else "no normalization takes off what scale unit adds: activations grow in each layer"
        )


class Standardized(nn.Module):
    """A weight whose units have mean 0 and one standard deviation."""

    sets_scale: ClassVar[bool] = True

    def __init__(self, member: WeightStandardization, units: Units) -> None:
        super().__init__()
        self.member, self.units = member, units

    def forward(self, weight: Tensor) -> Tensor:
        view, axes = self.units.view(weight), self.units.axes(weight)
        variance, mean = torch.var_mean(view, axes, correction=0, keepdim=True)
        standard = (view - mean) / (variance + self.member.eps).sqrt()
        if self.member.by_fan_in:
            standard = standard / self.units.size(weight) ** 0.5
        return standard.reshape(weight.shape)

    def extra_repr(self) -> str:
        return f"by_fan_in={self.member.by_fan_in}, eps={self.member.eps}"
