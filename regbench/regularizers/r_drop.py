"""R-Drop."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.nn.passes import another_pass
from regbench.regularizers.base import Regularizer
from regbench.sites import Site, Where, insert
from regbench.space import Domain, Interval
from regbench.streams import Stream
from regbench.types import ForwardPass


@dataclass
class RDrop(Regularizer):
    """Predict the same twice, with the model's noise drawn anew.

    Every batch is passed twice. With p1 and p2 the softmax outputs of the passes, CE1 and CE2 their
    cross-entropies and means over the batch,
    (CE2 - CE1) / 2 + strength * (KL(p1 || p2) + KL(p2 || p1)) / 2 in nats is added to the data loss, so that
    the objective has (CE1 + CE2) / 2 where that is CE1. The gradient goes through both. The noise is dropout
    of this member's own, inverted, at the hidden sites, or with p 0 whatever noise else is in the model:
    without any the two passes are the same, and nothing is changed. Running statistics are moved by the
    first pass alone. Departures from the paper: the losses are halved, as in the authors' code; the second
    pass is one of its own, where the paper doubles the batch, so that noise of a whole batch differs too.

    Paper: Liang et al., 2021, https://arxiv.org/abs/2106.14448, section 2

    Attributes:
        strength: of the divergence between the passes, at least 0.
        p: probability of dropping of its own dropout, in [0, 1); 0: it brings none.
        where: at which of the model's hidden sites.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such site.
    """

    kind = "noise on activations"
    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0, "p": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "strength": Interval(0.1, 5.0, log=True),
        "p": Interval(0.05, 0.5),
    }
    needs_classes: ClassVar[bool] = True
    follows = ("strength", "p")

    strength: float
    p: float
    where: Where

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if not 0 <= self.p < 1:
            raise ValueError(f"p must lie in [0, 1), got {self.p}")

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.p > 0:
            insert(model, "hidden", self.where, self._make)
        return model

    def _make(self, name: str, site: Site) -> nn.Module:
        return Dropping(self.p, self.stream.at(name))

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        passes = forward.logits, another_pass(forward, forward.batch.inputs)
        if self.p == 0 and torch.equal(*passes):
            return None  # so that the audit can tell that there is no noise
        first, second = (F.cross_entropy(z, forward.batch.targets, forward.class_weights) for z in passes)
        return (second - first) / 2 + self.strength * divergence(*passes)

    @property
    def computes_task_loss(self) -> bool:
        return True

    def note(self) -> str:
        return "" if self.is_off else "each batch is passed twice"


class Dropping(nn.Module):
    """Inverted dropout, of any shape, while training, on a stream of one's own."""

    def __init__(self, p: float, stream: Stream) -> None:
        super().__init__()
        self.p, self.stream = p, stream

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        return inputs * self.stream.mask(inputs, 1 - self.p) / (1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """The mean of the Kullback-Leibler divergences in both directions, in nats, the mean over rows.

    Args:
        one: logits (B, C).
        other: likewise.
    """
    first, second = one.log_softmax(1), other.log_softmax(1)
    # KL(p || q) + KL(q || p) = sum of (p - q) * (log p - log q)
    return ((first.exp() - second.exp()) * (first - second)).sum(1).mean() / 2
