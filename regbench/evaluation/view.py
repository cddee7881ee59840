"""One look at a model: what is measured of it after an epoch, and made whole where it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from regbench.evaluation.measurement import Autocast, metrics_of, predict
from regbench.types import Dataset, Ranks, Split


@dataclass(frozen=True)
class Watched:
    """What of a dataset is measured.

    Attributes:
        data: of a run.
        few: by split, the numbers of the rows that are measured after an epoch, (R,), all different; of a
            split that is not there all are. Those of `train` are numbers of `data.measured`.
    """

    data: Dataset
    few: Mapping[str, Tensor] = field(default_factory=dict)

    @cached_property
    def whole(self) -> dict[str, Split]:
        """All rows that are measured where a run is judged."""
        return {"train": self.data.measured, "select": self.data.select, "val": self.data.val}

    @cached_property
    def splits(self) -> dict[str, Split]:
        """Those that are measured after each epoch."""
        return {n: split.subset(self.few[n]) if n in self.few else split for n, split in self.whole.items()}


class View(NamedTuple):
    """What was measured of one state of the weights.

    Attributes:
        metrics: by name, as records have them.
        logits: (rows, C) of val; of other splits where only some of their rows were measured.
    """

    metrics: dict[str, float]
    logits: dict[str, Tensor]


def view(
    model: nn.Module,
    watched: Watched,
    autocast: Autocast,
    asked: Sequence[str] = (),
    ranks: Ranks | None = None,
) -> View:
    """Measure the rows that are measured after an epoch; what is asked for is measured of val.

    Ranks share the work, and all call this alike.
    """
    logits = {name: predict(model, split, autocast, ranks=ranks) for name, split in watched.splits.items()}
    metrics = metrics_of(logits, watched.splits, asked)
    return View(metrics, {n: found for n, found in logits.items() if n == "val" or n in watched.few})


def whole_view(
    model: nn.Module,
    watched: Watched,
    autocast: Autocast,
    asked: Sequence[str] = (),
    seen: View | None = None,
) -> View:
    """Measure all rows.

    Args:
        model: with the weights in question.
        watched: the rows.
        autocast: the number format.
        asked: what else to measure of val.
        seen: a `view` of the same weights, whose logits are not made again.
    """
    before = seen.logits if seen else {}
    logits = {
        name: _completed(model, split, autocast, watched.few.get(name), before.get(name))
        for name, split in watched.whole.items()
    }
    return View(metrics_of(logits, watched.whole, asked), {"val": logits["val"]})


def _completed(
    model: nn.Module, split: Split, autocast: Autocast, few: Tensor | None, seen: Tensor | None
) -> Tensor:
    """The logits of all rows, (N, C), of which those of some may have been seen."""
    if few is None or seen is None:
        return predict(model, split, autocast) if seen is None else seen
    left = torch.ones(len(split), dtype=torch.bool, device=few.device)
    left[few] = False
    rest = left.nonzero()[:, 0]
    logits = seen.new_empty(len(split), *seen.shape[1:])
    logits[few] = seen
    logits[rest] = predict(model, split, autocast, rows=rest)
    return logits
