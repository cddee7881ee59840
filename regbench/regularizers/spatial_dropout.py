"""Spatial dropout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.sites import Where, map_sites
from regbench.space import Domain, Interval
from regbench.streams import Stream


@dataclass
class SpatialDropout(Regularizer):
    """Zero whole channels of a map with probability p while training.

    With q = 1 - p and m ~ Bernoulli(q) for each example and channel, the same over all places of the map:
    m * h / q in training, h in evaluation. Departure from the paper: p drops, and the kept are divided by q
    in training instead of being multiplied by it in evaluation.

    Paper: Tompson et al., 2015, https://arxiv.org/abs/1411.4280, section 3.2

    Attributes:
        p: probability of dropping a channel, in [0, 1).
        where: which of the model's hidden sites with maps, counted among these alone; default: all of the
            last two stages.

    Raises:
        ValueError: p is out of range; `prepare_model`: the model has no such site.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"p": Interval(0.05, 0.5)}
    follows = ("p",)

    p: float
    where: Where

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off:
            for name, site in map_sites(model, self.where):
                site.after.append(DropChannels(self.p, self.stream.at(name)))
        return model


class DropChannels(nn.Module):
    """Drop channels of maps (B, C, H, W), in fact of anything that begins with examples and channels."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        q, rows = 1 - self.p, inputs.shape[:2]
        mask = self.stream.mask(inputs, q, rows).view(*rows, *[1] * (inputs.ndim - 2))
        return (inputs * mask).div_(q)

    def extra_repr(self) -> str:
        return f"p={self.p}"
