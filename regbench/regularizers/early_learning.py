"""Early-learning regularization."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from regbench.nn.row_memory import RowMemory
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import ForwardPass

LEAST = 1e-4  # of what the logarithm is taken of


@dataclass
class EarlyLearning(Regularizer):
    """Hold on to what was predicted of each train row early, before its false label is learned by heart.

    Each train row i has a target t_i, 0 at first, which moves whenever the row is shown:
    t_i <- decay * t_i + (1 - decay) * p_i, p_i = softmax(logits). Then strength * mean over the batch of
    log(1 - sum_k p_ik * t_ik) is added to the objective; no gradient goes through t. A row's gradient in
    logit c is strength * p_c * sum_k (t_k - t_c) * p_k / (1 - sum_k p_k * t_k), which pulls p towards what t
    holds likely: it takes gradient from false labels, and gives it to true ones that are learned already.
    What is made of several rows or of none (mixtures, generated images) has no target and adds 0. Of a row
    that a batch shows several times the first moves t. A step's later passes have the targets of the first.
    While a schedule has strength at 0, t moves all the same.
    Departure from the authors' code, which holds p in [1e-4, 1 - 1e-4]: here p is as it is, and the
    logarithm's argument at least 1e-4.

    Paper: Liu et al., 2020, https://arxiv.org/abs/2007.00151, section 4 (equations 6 and 9)

    Attributes:
        strength: the paper's lambda, at least 0.
        decay: the paper's beta, in [0, 1): how much of a target stays.

    Raises:
        ValueError: a field is out of range; `load_state_dict`: the state is of another number of rows.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    # around the paper's 3 and 0.7 for CIFAR-10, 7 and 0.9 for CIFAR-100
    search: ClassVar[Mapping[str, Domain]] = {
        "strength": Interval(0.5, 10.0, log=True),
        "decay": Interval(0.3, 0.95),
    }
    needs_classes: ClassVar[bool] = True
    needs_rows: ClassVar[bool] = True
    follows = ("strength", "decay")

    strength: float
    decay: float

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {self.decay}")
        self._memory = RowMemory()

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        rows = forward.batch.rows
        if rows is None or (self.is_off and not self.schedules):  # on its way through 0 targets move too
            return None
        p = forward.logits.softmax(1)
        targets = self._memory.moved(self.stream.micro, rows, p.detach(), self.decay, self.train_rows)
        if self.is_off:
            return None
        agreement = (p * targets).sum(1)
        return self.strength * (1 - agreement).clamp(min=LEAST).log().mean()

    def end_step(self, model: nn.Module) -> None:
        if not self.is_off or self.schedules:
            self._memory.end_step(model, self.ranks, self.train_rows)

    def note(self) -> str:
        return f"keeps {self._memory.size}, also in each checkpoint" if self._memory.size else ""

    def state_dict(self) -> dict[str, Any]:
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._memory.load_state_dict(state, self.train_rows)
