"""Mixup."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from regbench.nn.checks import require_mixable
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Batch, Split


@dataclass
class Mixup(Regularizer):
    """Train on convex mixtures of pairs of examples, inputs and targets alike.

    Row i becomes share * row i + (1 - share) * row j, where j is its place in a random permutation of the
    batch and share ~ Beta(alpha, alpha). Departure from the paper, which mixes two batches: one batch with
    itself, as in its authors' code.

    Paper: Zhang et al., 2018, https://arxiv.org/abs/1710.09412, section 2

    Attributes:
        alpha: both parameters of the beta distribution, at least 0; near 0 one of the pair prevails, at 1
            every share is equally likely.
        per: whether the whole batch has one share, or each example its own.

    Raises:
        ValueError: alpha is out of range; `check_data` and `transform_batch`: inputs are token ids.
    """

    off: ClassVar[Mapping[str, Any]] = {"alpha": 0.0}
    # from the paper's for ImageNet to beyond that for CIFAR
    search: ClassVar[Mapping[str, Domain]] = {"alpha": Interval(0.1, 2.0, log=True)}
    follows = ("alpha",)

    alpha: float
    per: Literal["batch", "example"]

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise ValueError(f"alpha must be at least 0, got {self.alpha}")

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_mixable(train, "mixup")

    def transform_batch(self, batch: Batch) -> Batch:
        if self.is_off:
            return batch
        require_mixable(batch, "mixup")
        device = batch.inputs.device
        shares = self.stream.betas(self.alpha, self.alpha, 1 if self.per == "batch" else len(batch), device)
        other = batch[self.stream.permutation(len(batch), device)]
        inputs = _mix(batch.inputs, other.inputs, shares)
        return Batch(inputs, _mix(batch.targets, other.targets, shares), batch.rows_but())


def _mix(rows: Tensor, others: Tensor, shares: Tensor) -> Tensor:
    """Shares of rows, the rest of others; one share for each row, or one for all."""
    return others.lerp(rows, shares.to(rows.dtype).view(-1, *[1] * (rows.ndim - 1)))
