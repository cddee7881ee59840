"""LogitNorm: the cross-entropy of logits of one length."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass

EPS = 1e-7  # added to the length, as in the authors' code


@dataclass
class LogitNorm(Regularizer):
    """Learn the direction of the logits and leave their length alone.

    With z the logits of a row and CE the cross-entropy with the targets and the weights of the classes, the
    data loss is (1 - share) * CE(z) + share * CE(z / (temperature * (||z|| + 1e-7))), a mean over the batch.
    With share 1, which is the paper, a longer z is no longer cheaper, so that training does not make
    predictions surer and surer. With labels of C classes the loss cannot fall below
    log(1 + (C - 1) * exp(-sqrt(C / (C - 1)) / temperature)). Predictions are those of z itself.

    Paper: Wei et al., 2022, https://arxiv.org/abs/2205.09310, section 3

    Attributes:
        share: of the loss that is of normalized logits, in [0, 1]; the paper has 1.
        temperature: the smaller, the longer the normalized logits are, above 0.

    Raises:
        ValueError: a field is out of range.
    """

    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"temperature": Interval(0.01, 1.0, log=True)}
    weighs_classes: ClassVar[bool] = True
    needs_classes: ClassVar[bool] = True
    follows = ("share", "temperature")

    share: float
    temperature: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {self.share}")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        logits, targets, weights = forward.logits, forward.batch.targets, forward.class_weights
        lengths = torch.linalg.vector_norm(logits, dim=1, keepdim=True) + EPS
        normalized = F.cross_entropy(logits / lengths / self.temperature, targets, weights)
        if self.share == 1:
            return normalized
        return (1 - self.share) * F.cross_entropy(logits, targets, weights) + self.share * normalized
