"""Gradient clipping."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from regbench.nn.units import Units, units_of
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.weights import FoundWeights

Mode = Literal["norm", "value", "adaptive"]


@dataclass
class GradientClipping(Regularizer):
    """Shorten gradients that are too long.

    mode norm: with ||g|| the length of the gradient of all parameters together, g <- g * min(1, limit /
    ||g||), so that its direction stays. mode value: each entry is put into [-limit, limit]. mode adaptive:
    for each unit i of each weight, g_i <- g_i * min(1, limit * max(||w_i||, eps) / ||g_i||); a unit is one
    output of a layer with the weights that lead into it, and of biases and normalizations the whole vector is
    one. The last layer is spared there, as in the paper, unless it is the only one.

    It acts on the whole gradient of a step, penalties and all micro-batches in it, where it stands among the
    members that edit gradients; decay by `l2` comes later, other than in mode penalty. It makes steps safe
    rather than models simple. It mends no gradient that is not finite: where the length is infinite
    the infinite entries become NaN and the others 0, where it is NaN all become NaN; mode value puts infinite
    entries to the limit and leaves NaN. Records as clipped the share of the gradients so far that were not
    within the limit, those that are not finite among them.

    Paper: Pascanu et al., 2013, https://arxiv.org/abs/1211.5063, algorithm 1; adaptive: Brock et al., 2021,
    https://arxiv.org/abs/2102.06171, eq. 3 and section 4.1

    Attributes:
        limit: above 0: a length, of mode value a size, of mode adaptive a ratio (the paper has 0.01 for
            batches of 4096 rows and more for smaller ones). None: gradients are left alone.
        mode: what is limited.
        eps: of mode adaptive: the length that a unit counts as at least, so that one of zeros can learn,
            above 0.

    Raises:
        ValueError: a field is out of range.
    """

    off: ClassVar[Mapping[str, Any]] = {"limit": None}
    search: ClassVar[Mapping[str, Domain]] = {"limit": Interval(0.01, 10.0, log=True)}
    visible_at: ClassVar[Mapping[str, Any]] = {"limit": 1e-4}
    has_bound: ClassVar[bool] = True
    follows = ("limit", "eps")

    limit: float | None
    mode: Mode
    eps: float

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit <= 0:
            raise ValueError(f"limit must be above 0, got {self.limit}")
        if self.eps <= 0:
            raise ValueError(f"eps must be above 0, got {self.eps}")
        self._found = FoundWeights("weights")
        self._seen, self._clipped = 0, torch.zeros(())  # gradients, and how many of them were changed

    @torch.no_grad()
    def edit_gradients(self, model: nn.Module) -> None:
        pairs = [(w, w.grad) for w in model.parameters() if w.grad is not None and w.numel()]
        if self.limit is None or not pairs:
            return
        if self.mode == "adaptive":
            changed = self._by_unit(model, pairs, self.limit)
        else:
            changed = CLIP[self.mode]([gradient for _, gradient in pairs], self.limit)
        self._seen += 1
        self._clipped = (
            self._clipped.to(changed.device) + changed
        )  # read in `metrics`: no device waits for it

    def metrics(self, model: nn.Module) -> dict[str, float]:
        return {} if self.limit is None else {"clipped": self._clipped.item() / max(1, self._seen)}

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self._seen, "clipped": self._clipped.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._seen, self._clipped = state["seen"], state["clipped"].clone()

    def _by_unit(self, model: nn.Module, pairs: Sequence[tuple[Tensor, Tensor]], limit: float) -> Tensor:
        """Limit the gradient of each unit by the length of its weights; whether any was too long."""
        layers = self._found.with_modules(model)
        units = {id(weight): units_of(module) for _, module, weight in layers}
        spared = {id(weight) for weight in layers[-1][1].parameters()} if len(layers) > 1 else set()
        longer = [
            _shorten_units(weight, gradient, units.get(id(weight), Units()), limit, self.eps)
            for weight, gradient in pairs
            if id(weight) not in spared
        ]
        return torch.stack(longer).any() if longer else torch.zeros(())


def _by_norm(gradients: list[Tensor], limit: float) -> Tensor:
    """Shorten the gradient as a whole; whether it was too long."""
    norm = nn.utils.get_total_norm(gradients)
    torch._foreach_mul_(gradients, limit / norm.clamp(min=limit))  # limit / limit is 1 to the bit
    return ~(norm <= limit)  # a NaN is not within it


def _by_value(gradients: list[Tensor], limit: float) -> Tensor:
    """Put each entry within bounds; whether any was beyond."""
    largest = torch.stack(torch._foreach_norm(gradients, float("inf"))).max()
    torch._foreach_clamp_min_(gradients, -limit)
    torch._foreach_clamp_max_(gradients, limit)
    return ~(largest <= limit)


CLIP: dict[str, Callable[[list[Tensor], float], Tensor]] = {"norm": _by_norm, "value": _by_value}


def _shorten_units(weight: Tensor, gradient: Tensor, units: Units, limit: float, eps: float) -> Tensor:
    """Limit each unit's gradient by its weights; whether any was too long."""
    if weight.ndim < 2:
        lengths, given = torch.linalg.vector_norm(weight), torch.linalg.vector_norm(gradient)
    else:
        lengths, given = units.norms(weight), units.norms(gradient)
    most = limit * lengths.clamp(min=eps)
    units.view(gradient).mul_(most / torch.maximum(given, most))
    return ~(given <= most).all()
