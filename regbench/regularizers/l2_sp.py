"""L2-SP: a pull towards the weights that training starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass
from regbench.weights import (
    FoundWeights,
    Scope,
    fresh_weights,
    plain_name,
    plain_parameters,
    regularized_weights,
    starts_from_weights,
)

BEGINS_AT_RANDOM = "where the model begins, as model.init names no file"


@dataclass
class L2SP(Regularizer):
    """Pull every weight towards its value at the start, and what is new towards zero.

    Adds (strength / 2) * sum((w - w0)^2) over the weights that have a starting point w0, and
    (head_strength / 2) * sum(w^2) over those that have none: a head that replaces the one of the file
    (`model.init`) or is new beside pretrained weights, and weights that later members bring along. w0 is the
    model as this member finds it: without `model.init` and pretrained weights the random one of the seed.
    With `start` w0 is what another run has come to, by name, wherever training begins; a head of another size
    has none, and neither have weights that other members bring along. The penalty is in the gradient of any
    optimizer, and Adam scales it as it does the rest. scope weights spares biases, normalizations and
    embeddings; what is frozen is spared in any case.

    Paper: Li, Grandvalet and Davoine, 2018, https://arxiv.org/abs/1802.01483, section 3.2, equation 2

    Attributes:
        strength: of the pull towards the start, at least 0 (the paper's alpha).
        head_strength: of the pull towards zero where there is no start, at least 0 (the paper's beta).
        scope: weights spares biases, normalizations and embeddings; all does not.
        start: the folder of a finished run of the same model, whose weights (of its best epoch, or its last
            where no best were kept) are w0; None: the model as it is found.

    Raises:
        ValueError: a field is out of range; `prepare_model`: the model has no such weights.
    """

    off: ClassVar = {"strength": 0.0, "head_strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "strength": Interval(1e-3, 1.0, log=True),
        "head_strength": Interval(1e-4, 0.1, log=True),
    }
    reads_runs: ClassVar[Mapping[str, str]] = {"start": "weights"}
    follows = ("strength", "head_strength")

    strength: float
    head_strength: float
    scope: Scope
    start: str | None

    def __post_init__(self) -> None:
        for name in ("strength", "head_strength"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        self._start: dict[str, Tensor] = {}
        self._note = ""
        self._found = FoundWeights(self.scope)

    def prepare_model(self, model: nn.Module) -> nn.Module:
        if self.is_off:
            return model
        fresh = {id(weight) for weight in fresh_weights(model)}
        weights = regularized_weights(model, self.scope)
        if not weights:
            raise ValueError(f"the model must have weights to pull, got none in scope {self.scope!r}")
        there = {plain_name(n): w.detach().clone() for n, w in weights if id(w) not in fresh}
        whole, given = plain_parameters(model), self.runs.get("start", {})
        # by the tensor behind: a tied one may have another name there
        start = {id(whole[name]): tensor for name, tensor in given.items() if name in whole}
        began = {plain_name(n): start[id(w)].to(w) for n, w in weights if id(w) in start}
        self._start = began if "start" in self.runs else there
        begins = "where the model begins" if starts_from_weights(model) else BEGINS_AT_RANDOM
        where = "what the run in start has come to" if self.start else begins
        self._note = f"{len(self._start)} of {len(weights)} weights are pulled to {where}"
        return model

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        terms = []
        for name, weight in self._found.of(forward.model):
            start = self._start.get(plain_name(name))
            if start is None:
                terms.append(self.head_strength * weight.square().sum())
            else:
                terms.append(
                    self.strength * F.mse_loss(weight, start, reduction="sum")
                )  # in one pass each way
        return torch.stack(terms).sum() / 2

    def note(self) -> str:
        return self._note

    def state_dict(self) -> dict[str, Any]:
        return {"start": self._start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        device = next((tensor.device for tensor in self._start.values()), None)
        self._start = {name: one.to(device) for name, one in state["start"].items()}
