"""Generalized cross-entropy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass


@dataclass
class GeneralizedCrossEntropy(Regularizer):
    """Bear false labels by a loss between the cross-entropy and the absolute error.

    With p = softmax(logits), t a row of targets and w the weights of the classes (1 where there are none),
    the data loss is sum_k w_k * t_k * (1 - p_k^q) / q, the mean over the batch. As q goes to 0 it is the
    cross-entropy; at q = 1 it is 1 - p_y, half of the absolute error. Its gradient is that of the
    cross-entropy times p_y^q, so that rows of which the model does not believe the label pull less; it is
    bounded by 1 / q. Left out of the paper: the truncated form, which prunes rows in turns with training.

    Paper: Zhang and Sabuncu, 2018, https://arxiv.org/abs/1805.07836, section 3 (the L_q loss)

    Attributes:
        q: from the cross-entropy, 0, to the absolute error, 1.

    Raises:
        ValueError: q is out of range.
    """

    off: ClassVar[Mapping[str, Any]] = {"q": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"q": Interval(0.1, 1.0)}
    weighs_classes: ClassVar[bool] = True
    needs_classes: ClassVar[bool] = True
    follows = ("q",)

    q: float

    def __post_init__(self) -> None:
        if not 0 <= self.q <= 1:
            raise ValueError(f"q must lie in [0, 1], got {self.q}")

    def data_loss(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        targets = forward.batch.targets
        if forward.class_weights is not None:
            targets = targets * forward.class_weights
        missing = -torch.expm1(self.q * forward.logits.log_softmax(1)) / self.q  # 1 - p^q at any small q
        return (targets * missing).sum(1).mean()
