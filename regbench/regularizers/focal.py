"""Focal loss."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass


@dataclass
class Focal(Regularizer):
    """Let a row count for less the surer the model is of its class already.

    With p = softmax(logits), t a row of targets and w the weights of the classes (1 where there are none),
    the data loss is -sum_k w_k * t_k * (1 - p_k)^gamma * log p_k in nats, the mean over the batch; of a label
    y it is -w_y * (1 - p_y)^gamma * log p_y. At gamma 0 it is the cross-entropy. For hard labels and gamma of
    1 or more it lies above the cross-entropy less gamma times the entropy of p, which is why it leaves
    predictions less sure. Departures from the paper: softmax for its sigmoid, targets of several classes, and
    its alpha are the weights of the classes (`train.class_weights`).

    Paper: Lin et al., 2017, https://arxiv.org/abs/1708.02002, equations 4 and 5; for calibration: Mukhoti et
    al., 2020, https://arxiv.org/abs/2002.09437, section 4

    Attributes:
        gamma: how much less, at least 0.

    Raises:
        ValueError: gamma is out of range.
    """

    off: ClassVar[Mapping[str, Any]] = {"gamma": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"gamma": Interval(0.5, 5.0)}
    weighs_classes: ClassVar[bool] = True
    needs_classes: ClassVar[bool] = True
    follows = ("gamma",)

    gamma: float

    def __post_init__(self) -> None:
        if self.gamma < 0:
            raise ValueError(f"gamma must be at least 0, got {self.gamma}")

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        logs, targets = forward.logits.log_softmax(1), forward.batch.targets
        if forward.class_weights is not None:
            targets = targets * forward.class_weights
        # of a certain class the power's slope would be infinite below gamma 1: clamped, there is none
        rest = (-torch.expm1(logs)).clamp(min=torch.finfo(logs.dtype).tiny)
        return -(targets * (self.gamma * rest.log()).exp() * logs).sum(1).mean()
