"""Batch normalization."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, replace, sites
from regbench.space import Domain


@dataclass
class BatchNorm(Regularizer):
    """Normalize each channel by its mean and variance over the batch and every position.

    Training: y = scale * (h - mean) / sqrt(variance + eps) + shift, with the batch's mean and its biased
    variance; running = (1 - momentum) * running + momentum * the batch's, with the unbiased variance.
    Evaluation: the same with the running statistics. It takes the place of what stands at every norm site;
    where batch normalization stands at all of them already, the model is left as it is, its own eps and
    momentum included.

    Paper: Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167, algorithms 1 and 2

    Attributes:
        enabled: whether to act at all.
        eps: what is added to the variance, above 0.
        momentum: weight of the newest batch in the running statistics, in (0, 1].

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no norm site, or another member
            has replaced what stands there.
    """

    kind = "architecture"
    off: ClassVar[Mapping[str, Any]] = {"enabled": False}
    search: ClassVar[Mapping[str, Domain]] = {}
    follows = ("momentum",)
    fixed: ClassVar[Mapping[str, str]] = {"eps": "it only keeps a division from zero"}

    enabled: bool
    eps: float
    momentum: float

    def __post_init__(self) -> None:
        if self.eps <= 0:
            raise ValueError(f"eps must be above 0, got {self.eps}")
        if not 0 < self.momentum <= 1:
            raise ValueError(f"momentum must lie in (0, 1], got {self.momentum}")
        self._already = False

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        bodies = [site.body for _, site in sites(model, "norm")]
        self._already = bool(bodies) and all(isinstance(b, nn.BatchNorm1d | nn.BatchNorm2d) for b in bodies)
        if not self._already:
            replace(model, "norm", "all", self._make)
        return model

    def inert(self) -> str:
        return super().inert() or ("already the model's own" if self._already else "")

    def _make(self, name: str, site: Site) -> nn.Module:
        channels = site.shape[site.axis]
        if site.axis % len(site.shape) == 0:
            layer = nn.BatchNorm2d if len(site.shape) == 3 else nn.BatchNorm1d
        else:
            layer = ChannelsLastNorm
        return layer(channels, eps=self.eps, momentum=self.momentum)


class ChannelsLastNorm(nn.BatchNorm1d):
    """Batch normalization of (B, ..., C), such as tokens (B, T, C)."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs.flatten(0, -2)).view(inputs.shape)
