"""Early stopping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from regbench.regularizers.base import Regularizer
from regbench.space import Domain
from regbench.types import Record


@dataclass
class EarlyStopping(Regularizer):
    """Stop when the monitored metric no longer improves, and go back to its best epoch.

    Two trackers, so that min_delta decides when to stop and never what to keep. At each evaluation, with
    value v (negated where mode is max): if v < best, then best = v and the evaluated model's state is kept;
    if v < ref - min_delta, then ref = v and wait = 0, else wait grows by 1; stop once wait reaches patience.
    NaN is no improvement. The first start_from epochs count for nothing: they move neither tracker, keep no
    state and stop nothing. Departure from the paper: patience in place of its thresholds on the loss.

    Paper: Prechelt, 1998, https://doi.org/10.1007/3-540-49430-8_3, section 2

    Attributes:
        patience: evaluations without improvement before it stops, at least 1.
        min_delta: what counts as improvement must exceed this, at least 0, in the metric's unit.
        monitor: "select/" and a recorded metric's name; train, val and test choose nothing.
        mode: whether less or more of it is better.
        start_from: epochs at the start that it ignores, at least 0.
        restore_best: whether the run ends with the best epoch's state instead of the last one's.

    Raises:
        ValueError: a field is out of range; `end_epoch`: there is no such metric.
    """

    kind = "optimizer"
    off: ClassVar[Mapping[str, Any]] = {"patience": 1_000_000_000}
    # with restore_best more patience is never worse on select: what it may cost is no search's to say
    search: ClassVar[Mapping[str, Domain]] = {}
    visible_at: ClassVar[Mapping[str, Any]] = {"patience": 1, "min_delta": 1000.0}
    follows = ("min_delta",)
    fixed: ClassVar[Mapping[str, str]] = {
        "patience": "it counts evaluations",
        "start_from": "it counts epochs",
    }

    patience: int
    min_delta: float
    monitor: Literal[
        "select/loss",
        "select/accuracy",
        "select/balanced_accuracy",
        "select/macro_f1",
        "select/r2",
        "select/rmse",
        "select/mae",
    ]
    mode: Literal["min", "max"]
    start_from: int
    restore_best: bool

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"patience must be at least 1, got {self.patience}")
        if self.min_delta < 0:
            raise ValueError(f"min_delta must be at least 0, got {self.min_delta}")
        if not self.monitor.startswith("select/"):
            raise ValueError(f'monitor must start with "select/", got {self.monitor}')
        if self.start_from < 0:
            raise ValueError(f"start_from must be at least 0, got {self.start_from}")
        self._best, self._ref, self._wait = inf, inf, 0
        self._snapshot: dict[str, Tensor] | None = None

    def end_epoch(self, history: Sequence[Record], evaluated: nn.Module) -> bool:
        if self.is_off or history[-1].epoch <= self.start_from:
            return False
        value = self._read(history[-1])
        if value < self._best:
            self._best = value
            if self.restore_best:
                self._snapshot = {n: t.detach().clone() for n, t in evaluated.state_dict().items()}
        if value < self._ref - self.min_delta:
            self._ref, self._wait = value, 0
        else:
            self._wait += 1
        return self._wait >= self.patience

    def final_model(self, model: nn.Module) -> nn.Module:
        if self._snapshot is not None:
            model.load_state_dict(self._snapshot)
        return model

    def note(self) -> str:
        if self.is_off:
            return ""
        times = "1 evaluation" if self.patience == 1 else f"{self.patience} evaluations"
        by = f" by more than {self.min_delta}" if self.min_delta else ""
        return f"stops when {self.monitor} has not improved{by} for {times}"

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "ref": self._ref, "wait": self._wait, "snapshot": self._snapshot}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best, self._ref, self._wait = state["best"], state["ref"], state["wait"]
        self._snapshot = state["snapshot"]

    def _read(self, record: Record) -> float:
        """The monitored value, less of it being better."""
        if self.monitor not in record.metrics:
            there = ", ".join(sorted(name for name in record.metrics if name.startswith("select/")))
            raise ValueError(f"monitor must be one of {there or 'no metric at all'}, got {self.monitor}")
        value = record.metrics[self.monitor]
        return value if self.mode == "min" else -value
