"""Symmetric cross-entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass


@dataclass
class SymmetricCrossEntropy(Regularizer):
    """Bear false labels by the cross-entropy in the other direction, beside that in the usual one.

    With p = softmax(logits) and t a row of targets, the objective is
    alpha * (data loss) + beta * mean over the batch of -sum_k p_k * max(log t_k, log_zero). Of a label y the
    second is -log_zero * (1 - p_y): it is bounded, and a row of which the model does not believe the label
    hardly pulls. The data loss is whatever it is without this member, in the paper the cross-entropy. A row
    counts with the weight of its target, sum_k w_k * t_k, where classes have weights w. `objective/data` is
    the first term, `objective/symmetric_cross_entropy` the second.

    Paper: Wang et al., 2019, https://arxiv.org/abs/1908.06112, section 3

    Attributes:
        alpha: weight of the data loss, at least 0.
        beta: weight of the reverse cross-entropy, at least 0; at 0 alpha counts for nothing either.
        log_zero: nats, what the logarithm of a target of 0 counts as, below 0 (the paper's A).

    Raises:
        ValueError: a field is out of range.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"beta": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "alpha": Interval(0.01, 10.0, log=True),
        "beta": Interval(0.1, 10.0, log=True),
    }
    needs_classes: ClassVar[bool] = True
    follows = ("alpha", "beta", "log_zero")

    alpha: float
    beta: float
    log_zero: float

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.log_zero >= 0:
            raise ValueError(f"log_zero must be below 0, got {self.log_zero}")

    def transform_loss(self, loss: Tensor) -> Tensor:
        return loss if self.is_off else self.alpha * loss

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        targets = forward.batch.targets
        logs = targets.log().clamp(min=self.log_zero)
        rows = -(forward.logits.softmax(1) * logs).sum(1)
        if forward.class_weights is not None:
            rows = rows * (targets * forward.class_weights).sum(1)
        return self.beta * rows.mean()
