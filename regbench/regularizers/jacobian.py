"""Jacobian penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from regbench.nn.checks import require_mixable
from regbench.nn.logits import still_logits
from regbench.nn.passes import drawing_anew
from regbench.nn.recurrence import Recurrence
from regbench.regularizers.base import Regularizer
from regbench.sites import extra_pass
from regbench.space import Domain, Interval
from regbench.types import ForwardPass, Split


@dataclass
class Jacobian(Regularizer):
    """Ask for outputs that change little where inputs do.

    With J_b the Jacobian of the K outputs (logits, or numbers that are predicted) of row b in its inputs, it
    adds (strength / 2) * mean over the rows of ||J_b||^2, the sum of squares. With projections it is
    estimated: the mean, over so many v drawn uniformly from the unit sphere for each row, of
    K * ||v^T J_b||^2, whose expectation is the same; without, it is exact, by K backward passes.

    It is taken at the inputs as the model is shown them, in their unit (of pixels 1), in a forward pass of
    its own, in training mode, with the model's noise drawn anew; running statistics stay. Where rows meet in
    the model, as in a batch normalization, what one row's inputs do to the outputs of others is in it too.

    Paper: Hoffman, Roberts and Yaida, 2019, https://arxiv.org/abs/1908.02729, algorithm 1; Drucker and Le
    Cun, 1992, https://doi.org/10.1109/72.165600

    Attributes:
        strength: weight of the squares, at least 0.
        projections: for each row, at least 1; None: the penalty is exact.

    Raises:
        ValueError: a field is out of range; `check_data`: inputs are token ids.
    """

    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {"strength": Interval(1e-4, 1.0, log=True)}
    follows = ("strength", "projections")

    strength: float
    projections: int | None

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if self.projections is not None and self.projections < 1:
            raise ValueError(f"projections must be at least 1, got {self.projections}")

    def check_data(self, train: Split) -> None:
        if not self.is_off:
            require_mixable(train, "jacobian")

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        if self.is_off:
            return None
        model, (rows, outputs) = forward.model, forward.batch.targets.shape

        def computed(inputs: Tensor) -> Tensor:
            return still_logits(model(inputs), rows, outputs)

        with extra_pass(model), drawing_anew(model), _twice_differentiable(model):
            logits, pulled_back = _pullback(computed, forward.batch.inputs)
            found = [pulled_back(v).square().sum() for v in self._directions(logits)]
        share = len(found) if self.projections else 1
        return self.strength / 2 * torch.stack(found).sum() / (rows * share)

    def note(self) -> str:
        if self.is_off:
            return ""
        backward = "one for each output" if self.projections is None else str(self.projections)
        return f"1 forward pass more, and backward passes through it: {backward}"

    def _directions(self, logits: Tensor) -> Iterator[Tensor]:
        """What the outputs are projected on, (B, K) each."""
        count = logits.shape[1]
        if self.projections is None:
            for output in range(count):
                unit = torch.zeros_like(logits)
                unit[:, output] = 1
                yield unit
        for _ in range(self.projections or 0):
            drawn = self.stream.normal(logits.shape, logits.device)
            yield (count**0.5 * drawn / drawn.norm(dim=1, keepdim=True)).to(logits.dtype)


def _pullback(
    computed: Callable[[Tensor], Tensor], inputs: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The outputs (B, K), and what makes v^T J, of the inputs' shape, of a v (B, K)."""
    try:
        leaf = inputs.detach().requires_grad_()
    except RuntimeError:  # under torch.func.vmap, for several runs at once
        outputs, back, *_ = torch.func.vjp(computed, inputs.detach())  # imports torch's compiler, for seconds
        return outputs, lambda v: back(v)[0]
    # a view, as grad refuses leaves with hooks, such as those that torch's counter of operations puts on
    outputs = computed(leaf.view_as(leaf))
    return outputs, lambda v: torch.autograd.grad(outputs, leaf, v, create_graph=True)[0]


@contextmanager
def _twice_differentiable(model: nn.Module) -> Iterator[None]:
    """Within, no fused kernel runs whose gradient has no gradient: of attention, cuDNN's of recurrence."""
    recurrent = any(isinstance(module, nn.RNNBase | Recurrence) for module in model.modules())
    fast = torch.backends.cudnn.enabled and not recurrent
    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=fast):
        yield
