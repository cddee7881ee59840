"""What is predicted: how labels become targets, what a row of targets may be, and the loss between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, Protocol, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

Name = Literal["classification", "regression"]
Loss = Literal["squared", "huber", "absolute"]
LOSSES: tuple[Loss, ...] = get_args(Loss)
SUM_TOLERANCE = 1e-4  # of a distribution's row: what mixing in single precision leaves of its sum


class Task(Protocol):
    """What every part that does not care what is predicted asks of it.

    Attributes:
        speaks_of_classes: whether labels are numbers of classes and a row of targets is a distribution.
        outputs: K, how many numbers a model returns for a row.
        name: in words.
        returned: what a model returns, in words.
    """

    speaks_of_classes: ClassVar[bool]
    name: ClassVar[Name]
    returned: ClassVar[str]

    @property
    def outputs(self) -> int: ...

    def targets_of(self, labels: Tensor) -> Tensor:
        """Labels (N, ...) as a split stores them, to rows of targets (N, K)."""

    def loss(self, outputs: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """The mean data loss over a batch, a scalar, of outputs and targets (B, K)."""

    def row_losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The loss of every row, (N,), of outputs (N, K) and labels as a split stores them."""

    @property
    def spread(self) -> tuple[str, str, Callable[[Tensor], float]]:
        """What mixing and smoothing change of targets (B, K): its name, its unit, and how it is found."""

    def require_targets(self, targets: Tensor) -> None:
        """Refuse targets (B, K) that no batch hook may leave behind.

        Raises:
            ValueError: they are none of this task.
        """


@dataclass(frozen=True, slots=True)
class Classification:
    """One of C classes: targets are rows of probabilities, the loss is the cross-entropy in nats.

    Attributes:
        num_classes: C.
    """

    speaks_of_classes: ClassVar[bool] = True
    name: ClassVar[Name] = "classification"
    returned: ClassVar[str] = "logits"

    num_classes: int

    @property
    def outputs(self) -> int:
        return self.num_classes

    def targets_of(self, labels: Tensor) -> Tensor:
        rows = _one_hot(self.num_classes, labels.device, torch.get_default_dtype())
        # indexing would take 3 % of a small step
        return rows.index_select(0, labels) if labels.ndim == 1 else rows[labels]

    def loss(self, outputs: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        return F.cross_entropy(outputs, targets, class_weights)

    def row_losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(outputs, labels, reduction="none")

    @property
    def spread(self) -> tuple[str, str, Callable[[Tensor], float]]:
        return "target entropy", " nats", _entropy

    def require_targets(self, targets: Tensor) -> None:
        if (targets < 0).any() or ((targets.sum(1) - 1).abs() > SUM_TOLERANCE).any():
            raise ValueError("each row of targets must be a distribution over the classes")


@lru_cache(maxsize=8)
def _one_hot(num_classes: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A row for each class, (C, C), to be read only."""
    with torch.inference_mode(False):
        return torch.eye(num_classes, device=device, dtype=dtype)


@dataclass(frozen=True, slots=True)
class Regression:
    """K numbers: targets are standardized by train; the loss is the mean over rows and numbers.

    With d = output - target, both standardized: squared d^2; absolute |d|; huber d^2 / 2 where |d| <= 1,
    else |d| - 1/2 (Huber, 1964, https://doi.org/10.1214/aoms/1177703732).

    Attributes:
        mean: of each of the K targets over the kept train rows, in its own unit.
        std: likewise, above 0; a standardized target times this plus the mean is the target.
        targets: their names.
        unit: what they are counted in, one for all; empty where nobody has said.
        loss_form: which of the three losses.
    """

    speaks_of_classes: ClassVar[bool] = False
    name: ClassVar[Name] = "regression"
    returned: ClassVar[str] = "numbers"

    mean: tuple[float, ...]
    std: tuple[float, ...]
    targets: Sequence[str] = ("target",)
    unit: str = ""
    loss_form: Loss = "squared"

    @property
    def outputs(self) -> int:
        return len(self.mean)

    def targets_of(self, labels: Tensor) -> Tensor:
        return labels

    def loss(self, outputs: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        return _FUNCTIONS[self.loss_form](outputs, targets)

    def row_losses(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return _FUNCTIONS[self.loss_form](outputs, labels, reduction="none").mean(1)

    @property
    def spread(self) -> tuple[str, str, Callable[[Tensor], float]]:
        return "standard deviation of the targets", "", _deviation

    def require_targets(self, targets: Tensor) -> None:
        if not targets.isfinite().all():
            raise ValueError("targets must be finite numbers")

    def standardized(self, values: Tensor) -> Tensor:
        """Values (N, K) float64 in the unit of the targets, to labels (N, K) as a split stores them.

        Raises:
            ValueError: one is so far from the mean that it is no number of that precision.
        """
        mean, std = self._moments(values)
        labels = ((values - mean) / std).to(torch.get_default_dtype())
        if not labels.isfinite().all():
            far = values[~labels.isfinite()][0].item()
            raise ValueError(f"targets must lie nearer to those of train, got {far:g}")
        return labels

    def in_units(self, values: Tensor) -> Tensor:
        """Standardized values (N, K) in the unit of the targets."""
        mean, std = self._moments(values)
        return values * std + mean

    def _moments(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, (K,) each, beside some values."""
        mean, std = (
            torch.tensor(each, dtype=values.dtype, device=values.device) for each in (self.mean, self.std)
        )
        return mean, std


def _entropy(targets: Tensor) -> float:
    """Of distributions (B, C), the mean over rows in nats."""
    return torch.special.entr(targets.double()).sum(1).mean().item()


def _deviation(targets: Tensor) -> float:
    """Over rows, the mean over numbers (B, K)."""
    return targets.double().std(0, correction=0).mean().item()


def require_classes(task: Task) -> None:
    """Refuse numbers to predict where something speaks of classes; the caller puts in front what does.

    Raises:
        ValueError: no classes are predicted.
    """
    if not task.speaks_of_classes:
        raise ValueError("needs classes, got numbers to predict")


_FUNCTIONS: dict[Loss, Callable[..., Tensor]] = {
    "squared": F.mse_loss,
    "huber": F.huber_loss,
    "absolute": F.l1_loss,
}
