"""What a source's labels are, classes or numbers: checked, put into strata, made those of a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from regbench.data.checks import numbers, suspicions
from regbench.data.source import Named, Numeric, Source
from regbench.tasks import Loss, Regression

STRATA = 10  # of numbers: as many rows of each tenth of the first target, where none repeat


class Labelling(Protocol):
    """What of a source depends on whether it has classes or numbers."""

    @property
    def outputs(self) -> int:
        """C classes, or K numbers."""

    def require(self, rows: int, labels: Tensor) -> None:
        """Refuse labels that are not what the source says of them, or not one for each of so many rows.

        Raises:
            ValueError: they are not.
        """

    def require_noise(self, share: float) -> None:
        """Refuse a share of labels to be made wrong where none can be.

        Raises:
            ValueError: none can be.
        """

    def names(self, source: Source) -> tuple[str, ...]:
        """What the classes are called; of numbers none."""

    def learned(self, labels: Tensor) -> Regression | None:
        """What the labels of the kept train rows say of numbers; None of classes.

        Raises:
            ValueError: there is nothing to predict in them.
        """

    def doubts(self, labels: Tensor, splits: Mapping[str, Tensor], classes: Sequence[str]) -> list[str]:
        """Sentences on labels that look wrong.

        Args:
            labels: of all rows, before they are cut.
            splits: of train, select and val.
            classes: as `names` gives them.
        """


def labelling_of(source: Source) -> Labelling:
    """Numbers where the source names any to predict, else classes."""
    if isinstance(source, Numeric) and source.targets:
        return Values(tuple(map(str, source.targets)), source.unit, source.loss_form)
    return Classes(source.num_classes)


@dataclass(frozen=True)
class Classes:
    """Labels (N,) int64 in 0 to C - 1.

    Attributes:
        outputs: C.
    """

    outputs: int

    def require(self, rows: int, labels: Tensor) -> None:
        if labels.dtype != torch.int64 or labels.ndim != 1:
            raise ValueError(f"labels must be one int64 a row, got {labels.dtype} {tuple(labels.shape)}")
        if rows != len(labels):
            raise ValueError(f"labels must be one int64 a row, got {len(labels)} for {rows} rows")
        if len(labels) and not 0 <= labels.min() <= labels.max() < self.outputs:
            found_range = f"{labels.min()} to {labels.max()}"
            raise ValueError(f"labels must lie in 0 to {self.outputs - 1}, got {found_range}")

    def require_noise(self, share: float) -> None:
        pass

    def names(self, source: Source) -> tuple[str, ...]:
        """Their numbers where the source does not say.

        Raises:
            ValueError: it does not give one name to each.
        """
        names = tuple(map(str, source.classes if isinstance(source, Named) else range(self.outputs)))
        if len(names) != self.outputs:
            raise ValueError(f"classes must be {self.outputs} names, one for each class, got {len(names)}")
        return names

    def learned(self, labels: Tensor) -> Regression | None:
        return None

    def doubts(self, labels: Tensor, splits: Mapping[str, Tensor], classes: Sequence[str]) -> list[str]:
        return suspicions.of_labels(labels, classes) + suspicions.of_splits(splits, classes)


@dataclass(frozen=True)
class Values:
    """Labels (N, K) float64 in their unit.

    Attributes:
        targets: the K names.
        unit: what they are counted in.
        loss_form: of the data loss.
    """

    targets: tuple[str, ...]
    unit: str
    loss_form: Loss

    @property
    def outputs(self) -> int:
        return len(self.targets)

    def require(self, rows: int, labels: Tensor) -> None:
        shape = (rows, self.outputs)
        if labels.dtype != torch.float64 or tuple(labels.shape) != shape:
            raise ValueError(
                f"labels must be float64 {shape}, a row of {self.outputs} for each row, got {labels.dtype} "
                f"{tuple(labels.shape)}"
            )
        bad = (~labels.isfinite()).any(1).nonzero()
        if len(bad):
            row = int(bad[0])
            value = labels[row][~labels[row].isfinite()][0].item()
            raise ValueError(f"labels must be finite numbers, got {value} in row {row}")

    def require_noise(self, share: float) -> None:
        if share > 0:
            raise ValueError(f"label_noise needs classes, got numbers to predict and label_noise={share:g}")

    def names(self, source: Source) -> tuple[str, ...]:
        return ()

    def learned(self, labels: Tensor) -> Regression:
        """Mean and (biased) standard deviation of each target; of a single row the latter is 1."""
        for name, values in zip(self.targets, labels.T, strict=True):
            if len(values) > 1 and values.min() == values.max():
                raise ValueError(
                    f"the target {name} must vary over the train rows, got {values[0].item():g} in all "
                    f"{len(values):,}"
                )
        mean, std = labels.mean(0), labels.std(0, correction=0)
        std = torch.where(std > 0, std, 1.0) if len(labels) == 1 else std
        if not (std.isfinite() & mean.isfinite() & (std > 0)).all():
            raise ValueError("targets must be of a size whose variance can be computed, got other ones")
        return Regression(tuple(mean.tolist()), tuple(std.tolist()), self.targets, self.unit, self.loss_form)

    def doubts(self, labels: Tensor, splits: Mapping[str, Tensor], classes: Sequence[str]) -> list[str]:
        return numbers.of_values(labels, self.targets)


def strata(labels: Tensor) -> Tensor:
    """What a cut keeps the proportions of, (N,) int64: classes; of numbers the tenths of the first target.

    Equal numbers are in one stratum, which is then the larger.
    """
    if labels.ndim == 1:
        return labels
    first = labels[:, 0].contiguous()
    ranked = first.sort().values
    edges = ranked[torch.arange(1, STRATA) * len(first) // STRATA].unique()
    return torch.bucketize(first, edges, right=True)
