"""Layer normalization."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from regbench.nn.grouping import FEWEST_VALUES
from regbench.regularizers.base import Regularizer
from regbench.sites import Site, replace, sites
from regbench.space import Domain


@dataclass
class LayerNorm(Regularizer):
    """Normalize each example by the mean and variance of its own values.

    y = scale * (h - mean) / sqrt(variance + eps) + shift, in training and in evaluation alike, with the
    biased variance over all channels and positions of the example (over the channels of each token where the
    channels come last); scale and shift are per channel. It takes the place of what stands at every norm
    site; where layer normalization stands at all of them already, the model is left as it is, its own eps
    included. On feature maps it normalizes over (C, H, W), which the paper leaves open.

    Paper: Ba, Kiros & Hinton, 2016, https://arxiv.org/abs/1607.06450, eq. 3

    Attributes:
        enabled: whether to act at all.
        eps: what is added to the variance, above 0.

    Raises:
        ValueError: eps is out of range; `prepare_model`: the model has no norm site, one holds fewer than
            three values to normalize together, or another member has replaced what stands there.
    """

    kind = "architecture"
    off: ClassVar[Mapping[str, Any]] = {"enabled": False}
    search: ClassVar[Mapping[str, Domain]] = {}
    fixed: ClassVar[Mapping[str, str]] = {"eps": "it only keeps a division from zero"}

    enabled: bool
    eps: float

    def __post_init__(self) -> None:
        if self.eps <= 0:
            raise ValueError(f"eps must be above 0, got {self.eps}")
        self._already = False

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        bodies = [site.body for _, site in sites(model, "norm")]
        self._already = bool(bodies) and all(map(_is_layer_norm, bodies))
        if not self._already:
            replace(model, "norm", "all", self._make)
        return model

    def inert(self) -> str:
        return super().inert() or ("already the model's own" if self._already else "")

    def _make(self, name: str, site: Site) -> nn.Module:
        channels, last = site.shape[site.axis], site.axis % len(site.shape) == len(site.shape) - 1
        values = channels if last else math.prod(site.shape)
        if values < FEWEST_VALUES:
            raise ValueError(f"{name} must hold at least {FEWEST_VALUES} values to normalize, got {values}")
        return nn.LayerNorm(channels, self.eps) if last else nn.GroupNorm(1, channels, self.eps)


def _is_layer_norm(body: nn.Module) -> bool:
    """Whether a module normalizes the values of one example together; one group is all of them."""
    return isinstance(body, nn.LayerNorm) or (isinstance(body, nn.GroupNorm) and body.num_groups == 1)
