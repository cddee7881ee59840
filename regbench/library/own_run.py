"""A run whose loop is a person's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from regbench.nn.logits import as_column, logits_of
from regbench.training.loop import Run


@dataclass
class OwnRun(Run):
    """A run whose loop, and perhaps whose loss, are a person's own.

    Attributes:
        own_loss: of (outputs, targets); None for the task's.
        own_forward: what a batch's inputs are given to in the place of the model, for one forward pass.
        own_parameters: those of the person's model before members prepared it.
    """

    own_loss: Callable[[Tensor, Tensor], Tensor] | None = None
    own_forward: Callable[[Any], Any] | None = None
    own_parameters: Sequence[nn.Parameter] = ()

    def forward(self, inputs: Tensor) -> Any:
        if self.own_forward is None:
            return self.model(inputs)
        return as_column(logits_of(self.own_forward(inputs)), self.data.num_classes)

    def target_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.own_loss is not None:
            return self.own_loss(outputs, targets)
        weights = self.class_weights
        if weights is not None and weights.device != outputs.device:  # the model was moved since
            self.class_weights = weights.to(outputs.device)
        return super().target_loss(outputs, targets)
