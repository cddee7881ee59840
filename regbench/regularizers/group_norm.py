"""Group normalization."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from regbench.nn.grouping import ChannelsLastGroups, GroupedChannels, group_count
from regbench.regularizers.base import Regularizer
from regbench.sites import Site, replace, sites
from regbench.space import Domain


@dataclass
class GroupNorm(Regularizer):
    """Normalize each group of an example's channels by its mean and variance.

    y = scale * (h - mean) / sqrt(variance + eps) + shift, in training and in evaluation alike, with the
    biased variance over the channels of the group and every position (over the group in each token where the
    channels come last, since some tokens are padding); scale and shift are per channel. It takes the place of
    what stands at every norm site; where group normalization with these groups stands at all of them already,
    the model is left as it is, its own eps included.

    The paper asks that the groups divide the channels. Here a site has the largest number up to `groups` that
    does and leaves four channels to each, else two, and three values in any case; the audit says where that
    is another number. So a group never is one channel, which would be instance normalization; where channels
    cannot be divided (17) all are one group, which is layer normalization over (C, H, W): the audit warns.

    Paper: Wu & He, 2018, https://arxiv.org/abs/1803.08494, eq. 1 and 7

    Attributes:
        enabled: whether to act at all.
        groups: most groups that a site's channels are divided into, at least 1.
        eps: what is added to the variance, above 0.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no norm site, one holds fewer than
            three values, or another member has replaced what stands there.
    """

    kind = "architecture"
    off: ClassVar[Mapping[str, Any]] = {"enabled": False}
    search: ClassVar[Mapping[str, Domain]] = {}
    fixed: ClassVar[Mapping[str, str]] = {
        "groups": "the layers are built with it",
        "eps": "it only keeps a division from zero",
    }

    enabled: bool
    groups: int
    eps: float

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise ValueError(f"groups must be at least 1, got {self.groups}")
        if self.eps <= 0:
            raise ValueError(f"eps must be above 0, got {self.eps}")
        self._already = False
        self._counts: list[int] = []

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        found = sites(model, "norm")
        self._counts = [self._count(name, site) for name, site in found]
        bodies = [site.body for _, site in found]
        self._already = bool(bodies) and all(
            isinstance(body, nn.GroupNorm) and body.num_groups == count
            for body, count in zip(bodies, self._counts, strict=True)
        )
        if not self._already:
            replace(model, "norm", "all", self._make)
        return model

    def inert(self) -> str:
        return super().inert() or ("already the model's own" if self._already else "")

    def note(self) -> str:
        fewer = sorted({count for count in self._counts if count != self.groups})
        return f"groups of a site: {', '.join(map(str, fewer))} in place of {self.groups}" if fewer else ""

    def _count(self, name: str, site: Site) -> int:
        try:
            return group_count(*_sizes(site), self.groups)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error

    def _make(self, name: str, site: Site) -> nn.Module:
        first = site.axis % len(site.shape) == 0
        layer = GroupedChannels if first else ChannelsLastGroups
        return layer(*_sizes(site), self.groups, self.eps)


def _sizes(site: Site) -> tuple[int, int]:
    """Channels of a site, and over how many positions each of them is normalized."""
    return site.shape[site.axis], math.prod(site.shape[site.axis :]) // site.shape[site.axis]
