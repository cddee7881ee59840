"""Max-norm constraint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from regbench.nn.units import units_of
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.weights import FoundWeights


@dataclass
class MaxNorm(Regularizer):
    """Keep the weights that lead into each unit within a ball.

    After each step the weights w of a unit become w * min(1, c / ||w||), the nearest point of the ball of
    radius c. A unit is one output of a dense layer (a row of its matrix), one filter of a convolution, one
    gate of one recurrent unit. Biases, normalizations and embeddings are free. Departure from the paper: the
    output layer is held too, as in the published code and in Keras' constraint of that name.

    Paper: Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html, section 5.1; Srebro and
    Shraibman, 2005, https://doi.org/10.1007/11503415_37

    Attributes:
        c: the largest length, above 0; the paper has 3 to 4. None: there is none.

    Raises:
        ValueError: c is out of range; `prepare_model`: the model has no such weights.
    """

    kind = "penalty"
    off: ClassVar[Mapping[str, Any]] = {"c": None}
    search: ClassVar[Mapping[str, Domain]] = {"c": Interval(0.5, 4.0, log=True)}
    visible_at: ClassVar[Mapping[str, Any]] = {"c": 0.1}
    has_bound: ClassVar[bool] = True
    follows = ("c",)

    c: float | None

    def __post_init__(self) -> None:
        if self.c is not None and self.c <= 0:
            raise ValueError(f"c must be above 0, got {self.c}")
        self._found = FoundWeights("weights")
        self._note = ""

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.c is None:
            return model
        held = FoundWeights("weights").with_modules(model)  # a later member may put more into it
        if not held:
            raise ValueError("the model must have weights to hold, got none")
        lengths = torch.cat([units_of(m).norms(w.detach()).flatten() for _, m, w in held])
        beyond = int((lengths > self.c).sum())
        self._note = f"{beyond} of {len(lengths)} units begin beyond it, the longest at {lengths.max():.3g}"
        return model

    @torch.no_grad()
    def edit_weights(self, model: nn.Module) -> None:
        if self.c is None:
            return
        for _, module, weight in self._found.with_modules(model):
            units = units_of(module)
            units.view(weight).mul_(self.c / units.norms(weight).clamp(min=self.c))  # c / c is 1 to the bit

    def note(self) -> str:
        return self._note
