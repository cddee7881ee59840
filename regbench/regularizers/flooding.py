"""Flooding: a loss that is not let fall below a level."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.tasks import Task
from regbench.types import ForwardPass, Split


@dataclass
class Flooding(Regularizer):
    """Keep the train loss about a level above 0: climb where it has fallen below.

    form batch: the data loss J of the (micro-)batch, whichever it is, becomes |J - level| + level, whose
    gradient turns round below the level. form example (i-flood): each row's loss l of the task does so,
    mean of |l - level| + level, so that rows that are learned climb while others still descend; it is
    written as the data loss plus 2 * mean(max(0, level - l)), the penalty `objective/flooding`. Evaluation
    has no level. Until a loss is as low as the level nothing is changed.

    Paper: Ishida et al., 2020, https://arxiv.org/abs/2002.08709, section 3; example: Xie et al., 2022,
    https://openreview.net/forum?id=MsHnJPaBUZE

    Attributes:
        level: in the unit of the data loss, at least 0: nats, or what the loss of numbers is in.
        form: whether the loss of a batch is held at the level, or that of each row.

    Raises:
        ValueError: level is out of range.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"level": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"level": Interval(0.01, 0.5, log=True)}
    visible_at: ClassVar[Mapping[str, Any]] = {"level": 50.0}  # far above a data loss, whichever it is
    has_bound: ClassVar[bool] = True
    follows = ("level",)

    level: float
    form: Literal["batch", "example"]

    def __post_init__(self) -> None:
        if self.level < 0:
            raise ValueError(f"level must be at least 0, got {self.level}")

    def check_data(self, train: Split) -> None:
        self._of_numbers: Task | None = None if train.task.speaks_of_classes else train.task

    def transform_loss(self, loss: Tensor) -> Tensor:
        if self.is_off or self.form == "example":
            return loss
        return (loss - self.level).abs() + self.level

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off or self.form == "batch":
            return None
        return 2 * (self.level - self._losses(forward)).relu().mean()

    @property
    def computes_task_loss(self) -> bool:
        return self.form == "example"

    def _losses(self, forward: ForwardPass) -> Tensor:
        """(B,): the loss of the task for each row."""
        logits, targets = forward.logits, forward.batch.targets
        if self._of_numbers is not None:
            return self._of_numbers.row_losses(logits, targets)
        return F.cross_entropy(logits, targets, forward.class_weights, reduction="none")
