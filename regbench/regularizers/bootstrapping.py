"""Bootstrapping: targets that are partly the model's own predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass


@dataclass
class Bootstrapping(Regularizer):
    """Bear false labels by believing, to a share, what the model predicts itself.

    The cross-entropy with (1 - share) * t + share * b, t a row of targets and b the model's own belief:
    soft: b = p = softmax(logits); hard: b is 1 for the likeliest class, else 0. It is written as
    (1 - share) * (data loss) + share * mean over the batch of -sum_k w_k * b_k * log p_k, w the weights of
    the classes (1 where there are none), so that it may stand beside any data loss. The gradient goes through
    p in soft, whose second term is the entropy of the prediction; b is a constant in hard. `objective/data`
    is the first term, `objective/bootstrapping` the second. The paper's beta is 1 - share.

    Paper: Reed et al., 2015, https://arxiv.org/abs/1412.6596, section 3 (soft and hard bootstrapping)

    Attributes:
        share: of the target that is the model's own, in [0, 1).
        form: which belief.

    Raises:
        ValueError: share is out of range.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"share": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"share": Interval(0.02, 0.8, log=True)}
    needs_classes: ClassVar[bool] = True
    follows = ("share",)

    share: float
    form: Literal["soft", "hard"]

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share must lie in [0, 1), got {self.share}")

    def transform_loss(self, loss: Tensor) -> Tensor:
        return loss if self.is_off else (1 - self.share) * loss

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        logs = forward.logits.log_softmax(1)
        belief = logs.exp() if self.form == "soft" else _likeliest(logs)
        if forward.class_weights is not None:
            belief = belief * forward.class_weights
        return -self.share * (belief * logs).sum(1).mean()


def _likeliest(logs: Tensor) -> Tensor:
    """(B, C): 1 for the likeliest class of each row, the first of equal ones, else 0."""
    classes = torch.arange(logs.shape[1], device=logs.device)
    return (logs.argmax(1, keepdim=True) == classes).to(logs.dtype)
