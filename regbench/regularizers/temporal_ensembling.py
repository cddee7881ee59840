"""Temporal ensembling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from regbench.nn.row_memory import RowMemory
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.strengths import rise
from regbench.types import ForwardPass


@dataclass
class TemporalEnsembling(Regularizer):
    """Predict of each train row what was predicted of it, on average, in the epochs before.

    Adds strength * s * mean over the batch and the K classes of (p_k - q_k)^2, p = softmax(logits) and
    q = Z_i / (1 - decay^t) for train row i. Z_i is 0 at first and moves at the end of each step that shows
    the row, Z_i <- decay * Z_i + (1 - decay) * p_i; t is how often it has. (1 - decay^t is the sum of Z_i
    over the classes, and so it is computed.) A row that is shown for the first time adds 0, and so does what
    is made of several rows or of none (mixtures, generated images); of a row that a batch shows several times
    the first moves Z. While a schedule has strength at 0, Z moves all the same. s rises as
    exp(-5 * (1 - progress / ramp)^2) to 1 at the share `ramp` of the run. No target is read, and no gradient
    goes through q. Departures from the paper: rows with labels alone; s rises with the steps, not with the
    epochs.

    Paper: Laine and Aila, 2017, https://arxiv.org/abs/1610.02242, section 2.2 (algorithm 2)

    Attributes:
        strength: the paper's w_max, at least 0.
        decay: the paper's alpha, in [0, 1): how much of an ensemble stays.
        ramp: share of the run, in [0, 1], over which the strength rises; 0: it is full from the start.

    Raises:
        ValueError: a field is out of range; `load_state_dict`: the state is of another number of rows.
    """

    kind = "loss"
    off: ClassVar[Mapping[str, Any]] = {"strength": 0.0}
    search: ClassVar[Mapping[str, Domain]] = {
        "strength": Interval(1.0, 300.0, log=True),
        "decay": Interval(0.3, 0.9),
    }
    needs_classes: ClassVar[bool] = True
    needs_rows: ClassVar[bool] = True
    follows = ("strength", "decay")
    fixed: ClassVar[Mapping[str, str]] = {"ramp": "it is a share of the run itself"}

    strength: float
    decay: float
    ramp: float

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError(f"strength must be at least 0, got {self.strength}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {self.decay}")
        if not 0 <= self.ramp <= 1:
            raise ValueError(f"ramp must lie in [0, 1], got {self.ramp}")
        self._now = self.strength * rise(0.0, self.ramp)
        self._memory = RowMemory()

    def begin_step(self, progress: float) -> None:
        self._now = self.strength * rise(progress, self.ramp)

    @property
    def follows_length(self) -> bool:
        return super().follows_length and self.ramp > 0

    def penalty(self, forward: ForwardPass) -> Tensor | None:
        rows = forward.batch.rows
        if rows is None or (self.is_off and not self.schedules):  # on its way through 0 ensembles move too
            return None
        p = forward.logits.softmax(1)
        self._memory.moved(self.stream.micro, rows, p.detach(), self.decay, self.train_rows)
        if self.is_off:
            return None
        before = self._memory.of(rows, p)
        total = before.sum(1, keepdim=True)
        q = before / torch.where(total > 0, total, 1)
        return self._now * ((p - q).square() * (total > 0)).mean()

    def end_step(self, model: nn.Module) -> None:
        if not self.is_off or self.schedules:
            self._memory.end_step(model, self.ranks, self.train_rows)

    def note(self) -> str:
        return f"keeps {self._memory.size}, also in each checkpoint" if self._memory.size else ""

    def state_dict(self) -> dict[str, Any]:
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._memory.load_state_dict(state, self.train_rows)
