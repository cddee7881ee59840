"""PolyLoss: the cross-entropy with another weight on its leading term."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass


@dataclass
class PolyLoss(Regularizer):
    """Weigh the leading term of the cross-entropy's expansion in 1 - p otherwise.

    The cross-entropy of a label y is the series -log p_y = (1 - p_y) + (1 - p_y)^2 / 2 + ... of
    p = softmax(logits). Poly-1 adds epsilon to the weight 1 of its first term: with t a row of targets and w
    the weights of the classes (1 where there are none), epsilon * sum_k w_k * t_k * (1 - p_k), the mean over
    the batch, is added to whatever the data loss is. Above 0 rows that are far from learned count for more,
    below 0 for less. It is a penalty, `objective/poly_loss`, so that it may stand beside any data loss;
    departure from the paper: beside `focal` too the term is the first of the cross-entropy.

    Paper: Leng et al., 2022, https://arxiv.org/abs/2204.12511, section 4 (Poly-1)

    Attributes:
        epsilon: what is added to the weight of the first term, above -1, where nothing would be left of it.

    Raises:
        ValueError: epsilon is out of range.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"epsilon": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"epsilon": Interval(0.5, 8.0, log=True)}
    needs_classes: ClassVar[bool] = True
    follows = ("epsilon",)

    epsilon: float

    def __post_init__(self) -> None:
        if self.epsilon <= -1:
            raise ValueError(f"epsilon must be above -1, got {self.epsilon}")

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        targets = forward.batch.targets
        if forward.class_weights is not None:
            targets = targets * forward.class_weights
        return self.epsilon * (targets * (1 - forward.logits.softmax(1))).sum(1).mean()
