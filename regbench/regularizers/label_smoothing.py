"""Label smoothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class LabelSmoothing(Regularizer):
    """Move a share of every target's probability to the other classes.

    With C classes and a target row t:
    review: (1 - epsilon) * t + (1 - t) * epsilon / (C - 1), so a label becomes 1 - epsilon;
    uniform: (1 - epsilon) * t + epsilon / C, the paper's and torch's form.
    Both are linear in t and keep its sum; review at epsilon is uniform at epsilon * C / (C - 1).

    Paper: Szegedy et al., 2016, https://arxiv.org/abs/1512.00567, section 7

    Attributes:
        epsilon: the share moved, in [0, 1); in the review form below (C - 1) / C, where every class would be
            as likely as the true one.
        form: which of the two.

    Raises:
        ValueError: epsilon is out of range; `check_data`, `transform_batch`: it is for that many classes.
    """

    kind = "noise on targets"
    off: ClassVar[Mapping[str, Any]] = {"epsilon": 0.0}
    # legal with two classes too
    search: ClassVar[Mapping[str, Domain]] = {"epsilon": Interval(0.01, 0.3)}
    needs_classes: ClassVar[bool] = True
    follows = ("epsilon",)

    epsilon: float
    form: Literal["review", "uniform"]

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon < 1:
            raise ValueError(f"epsilon must lie in [0, 1), got {self.epsilon}")
        self._num_classes: int | None = None

    def check_data(self, train: Split) -> None:
        self._check(train.num_classes)
        self._num_classes = train.num_classes

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        targets, num_classes = batch.targets, batch.targets.shape[1]
        self._check(num_classes)
        if self.form == "uniform":
            smooth = (1 - self.epsilon) * targets + self.epsilon / num_classes
        else:
            smooth = (1 - self.epsilon) * targets + (1 - targets) * (self.epsilon / (num_classes - 1))
        return Batch(batch.inputs, smooth, batch.rows)

    def note(self) -> str:
        if self._num_classes is None or self.is_off:
            return ""
        factor = 1.0 if self.form == "uniform" else self._num_classes / (self._num_classes - 1)
        return f"the same as label_smoothing={self.epsilon * factor:.4g} in torch"

    def _check(self, num_classes: int) -> None:
        limit = (num_classes - 1) / num_classes
        if self.form == "review" and not self.is_off and self.epsilon >= limit:
            raise ValueError(
                f"epsilon must be below {limit:.4g} with {num_classes} classes in the review form, "
                f"got {self.epsilon}"
            )
