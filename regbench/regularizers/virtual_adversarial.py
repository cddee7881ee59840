"""Virtual adversarial training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from regbench.nn.passes import another_pass
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass, Split


@dataclass
class VirtualAdversarial(Regularizer):
    """Predict the same for the inputs moved to where the prediction changes most.

    Adds strength * mean over the batch of KL(p(x) || p(x + r)) in nats, p the softmax outputs, the first of
    them a constant. r is epsilon long in each row and points along d, the direction in which the divergence
    grows fastest: it begins as a random one, and each step puts d <- g / ||g||, g the gradient of
    KL(p(x) || p(x + xi * d)) in x. No target is read. The model is in training mode, its noise drawn anew in
    each pass; running statistics are moved by the batch alone. Directions are found in single precision
    where the run is in bfloat16. Departure from the paper: xi, for whose 1e-6 a difference of softmax outputs
    in single precision is too coarse.

    Paper: Miyato et al., 2018, https://arxiv.org/abs/1704.03976, section 3, algorithm 1

    Attributes:
        strength: of the divergence, at least 0; the paper has 1.
        epsilon: how far a row moves: the Euclidean length of r in the unit of the inputs (of pixels 1),
            above 0.
        steps: of the power iteration, at least 1.
        xi: how far it looks for the gradient, above 0.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are token ids.
    """

    kind = "noise on inputs"
    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "strength": Interval(0.1, 10.0, log=True),
        "epsilon": Interval(0.1, 10.0, log=True),
    }
    needs_classes: ClassVar[bool] = True
    follows = ("strength", "epsilon", "steps", "xi")

    strength: float
    epsilon: float
    steps: int
    xi: float

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        for name in ("epsilon", "xi"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")

    def check_data(self, train: Split) -> None:
        if not self.is_off and not train.mixable:
            raise ValueError(f"inputs must be numbers, which can be moved, got {train.inputs.dtype}")

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        inputs = forward.batch.inputs.detach()
        moved = another_pass(forward, inputs + self.epsilon * self.directions(forward))
        return self.strength * divergence(forward.logits.detach(), moved)

    def note(self) -> str:
        if self.is_off:
            return ""
        passes = "1 pass" if self.steps == 1 else f"{self.steps} passes"
        return f"{passes} to find the direction of each row and 1 to learn from it"

    def directions(self, forward: ForwardPass) -> Tensor:
        """(B, ...): the direction d of each row of a forward pass, of length 1, or 0 where there is none."""
        inputs, clean = forward.batch.inputs.detach(), forward.logits.detach()
        if forward.bf16:  # whose rounding would hide what a step of xi changes
            with torch.no_grad():
                clean = another_pass(forward, inputs, exact=True)
        found = unit(self.stream.normal(inputs.shape, inputs.device).to(inputs.dtype))
        for _ in range(self.steps):
            nearby = (inputs + self.xi * found).requires_grad_()
            # autograd.grad would refuse leaves with hooks, such as those of torch's counter of operations
            divergence(clean, another_pass(forward, nearby, exact=True)).backward(inputs=[nearby])
            found = unit(nearby.grad)  # type: ignore[arg-type]
        return found


def divergence(clean: Tensor, moved: Tensor) -> Tensor:
    """KL(softmax(clean) || softmax(moved)) in nats, the mean over rows, of logits (B, C)."""
    logs = clean.log_softmax(1)
    return (logs.exp() * (logs - moved.log_softmax(1))).sum(1).mean()


def unit(rows: Tensor) -> Tensor:
    """Each of some rows (B, ...) over its length; one of zeros stays so."""
    flat = rows.flatten(1)
    flat = flat / flat.abs().amax(1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)  # of tiny ones too
    return (flat / flat.norm(dim=1, keepdim=True).clamp(min=0.5)).view_as(rows)
