"""Ghost batch normalization."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from regbench.regularizers.base import Regularizer
from regbench.sites import Site, replace
from regbench.space import Domain, Interval
from regbench.types import Split


@dataclass
class GhostBatchNorm(Regularizer):
    """Normalize each channel by the mean and variance of a part of the batch.

    Training: the batch is cut, in its order, into chunks of `rows` examples, the last one with what is left,
    and each chunk goes through batch normalization by itself. Every chunk in turn does
    running = (1 - m) * running + m * its own, with m = momentum / chunks (the paper weighs them otherwise),
    so that a batch moves the running statistics about as far as batch normalization does. Evaluation: as
    batch normalization. A single row left over joins the chunk before it, for one value has no variance; a
    batch of `rows` examples or fewer is one chunk. It takes the place of what stands at every norm site.

    Paper: Hoffer, Hubara & Soudry, 2017, https://arxiv.org/abs/1705.08741, algorithm 1

    Attributes:
        enabled: whether to act at all.
        rows: examples of a chunk, at least 2; in a batch of no more it is batch normalization.
        eps: what is added to the variance, above 0.
        momentum: weight of the newest batch in the running statistics, in (0, 1].

    Raises:
        ValueError: a field is out of range; `check_data`: rows is more than the train rows;
            `prepare_model`: the model has no norm site, or another member has replaced what stands there.
    """

    kind = "architecture"
    off: ClassVar[Mapping[str, Any]] = {"enabled": False}
    # the smaller, the more noise
    search: ClassVar[Mapping[str, Domain]] = {"rows": Interval(8, 64, log=True)}
    visible_at: ClassVar[Mapping[str, Any]] = {"rows": 8}
    follows = ("rows", "momentum")
    fixed: ClassVar[Mapping[str, str]] = {"eps": "it only keeps a division from zero"}

    enabled: bool
    rows: int
    eps: float
    momentum: float

    def __post_init__(self) -> None:
        if self.rows < 2:
            raise ValueError(f"rows must be at least 2, got {self.rows}")
        if self.eps <= 0:
            raise ValueError(f"eps must be above 0, got {self.eps}")
        if not 0 < self.momentum <= 1:
            raise ValueError(f"momentum must lie in (0, 1], got {self.momentum}")
        self._layers: list[GhostNorm] = []

    def check_data(self, train: Split) -> None:
        if not self.is_off and self.rows > len(train):
            raise ValueError(f"rows must be at most the batch size, got {self.rows} for {len(train)} rows")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if not self.is_off:
            replace(model, "norm", "all", self._make)
        return model

    def note(self) -> str:
        most = max((layer.most_rows for layer in self._layers), default=0)
        if not 0 < most <= self.rows:
            return ""
        return f"batches of {most} rows are one chunk of rows={self.rows}: it is batch normalization there"

    def _make(self, name: str, site: Site) -> nn.Module:
        channels, axis = site.shape[site.axis], site.axis % len(site.shape)
        self._layers.append(GhostNorm(channels, self.rows, axis + 1, eps=self.eps, momentum=self.momentum))
        return self._layers[-1]


class GhostNorm(_BatchNorm):
    """Batch normalization of each chunk of a batch, of any rank.

    Args:
        channels: C.
        rows: examples of a chunk, at least 2.
        axis: the channel axis of the inputs, the batch axis counted.
        eps: what is added to the variance.
        momentum: weight of the newest batch in the running statistics; None: as torch has it.

    Attributes:
        most_rows: of all batches in training so far, the size of the largest.
        kept: the share of the running statistics that the newest batch in training has left of them.
    """

    def __init__(self, channels: int, rows: int, axis: int, eps: float, momentum: float) -> None:
        super().__init__(channels, eps=eps, momentum=momentum)
        self.rows, self.axis, self.most_rows, self.kept = rows, axis, 0, 1.0

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return self._normalized(inputs, 0.0)
        self.most_rows = max(self.most_rows, len(inputs))
        if self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        chunks = inputs.split(_sizes(len(inputs), self.rows))
        momenta = self._momenta(len(chunks))
        self.kept = math.prod(1 - momentum for momentum in momenta)
        return torch.cat([self._normalized(*each) for each in zip(chunks, momenta, strict=True)])

    def _momenta(self, chunks: int) -> list[float]:
        """Of each chunk of a batch; without a momentum the statistics are the mean over all chunks so far."""
        if self.momentum is not None:
            return [self.momentum / chunks] * chunks
        before = (int(self.num_batches_tracked or 1) - 1) * chunks
        return [1 / (before + chunk) for chunk in range(1, chunks + 1)]

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rows={self.rows}"

    def _normalized(self, inputs: Tensor, momentum: float) -> Tensor:
        # in an extra pass it does not track: normalize by the chunk, record nothing
        moving = self.track_running_stats or not self.training
        mean, variance = (self.running_mean, self.running_var) if moving else (None, None)
        channels_first = inputs.movedim(self.axis, 1)
        outputs = F.batch_norm(
            channels_first, mean, variance, self.weight, self.bias, self.training, momentum, self.eps
        )
        return outputs.movedim(1, self.axis)


def _sizes(count: int, rows: int) -> list[int]:
    """The sizes of the chunks of a batch: all of `rows`, but for the last."""
    sizes = [min(rows, count - start) for start in range(0, count, rows)]
    if len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [rows + 1]
    return sizes
