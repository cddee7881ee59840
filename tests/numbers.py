"""Numbers to predict that are made of the bundled digits: small, and there without a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.data.digits import Digits
from regbench.tasks import Loss
from tests.conftest import compose, tiny

TARGET = "tests.numbers.Inks"


@dataclass
class Inks(Digits):
    """How much ink a digit takes, and where its middle lies: (N, 2)."""

    targets: ClassVar[tuple[str, ...]] = ("ink", "middle")
    unit: ClassVar[str] = "pt"
    loss_form: ClassVar[Loss] = "squared"

    def _part(self, which: int) -> tuple[Tensor, Tensor]:
        images, _ = super()._part(which)
        shares = images.double() / self.scale
        columns = torch.arange(8, dtype=torch.float64)
        ink = shares.sum((1, 2, 3))
        middle = (shares.sum((1, 2)) * columns).sum(1) / ink
        return images, torch.stack([ink, middle], 1)


def numeric(model: str = "mlp", reg: dict[str, Any] | None = None, **train: Any) -> dict[str, Any]:
    """The run of `tiny`, of numbers."""
    dataset = compose("dataset=own", f"dataset._target_={TARGET}", "dataset.num_train=97")["dataset"]
    return tiny(model, reg, **train) | {"dataset": dataset}
