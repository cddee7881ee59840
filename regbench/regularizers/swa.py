"""Stochastic weight averaging."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from regbench.nn.snapshots import LiveState, WithWeights, move
from regbench.regularizers.base import Regularizer
from regbench.space import Domain, Interval
from regbench.types import Split

ROWS = 256  # of train at once, at most, where the statistics of batch normalizations are measured


@dataclass
class SWA(Regularizer):
    """Evaluate the mean of the weights of the end of a run instead of the weights.

    Once progress reaches start, in this step and each `every` steps after it,
    average <- (n * average + w) / (n + 1), n the number of weights averaged before; until then the model
    itself is evaluated. Floating-point buffers are averaged in the same way; integer ones are copied. The
    running statistics of batch normalizations, which are those of no averaged weights, are measured anew at
    each evaluation: the mean over one pass through the clean train rows, in parts of equal size, with nothing
    but these normalizations in training mode. What is evaluated follows the average as training goes on, it
    is no copy. Departures from the paper: a share of the run in place of pretrained weights; the schedule is
    the run's own (`constant` or `cyclic`).

    Paper: Izmailov et al., 2018, https://arxiv.org/abs/1803.05407, algorithm 1

    Attributes:
        start: share of the run before the first weights that are averaged, in [0, 1]; 1 averages none.
        every: steps from one of the averaged weights to the next, at least 1: with cyclic those of a cycle.

    Raises:
        ValueError: a field is out of range; `eval_model`: the model has batch normalizations, and no train
            rows were given to `prepare_data`.
    """

    off: ClassVar[Mapping[str, Any]] = {"start": 1.0}
    search: ClassVar[Mapping[str, Domain]] = {"start": Interval(0.5, 0.9)}
    fixed: ClassVar[Mapping[str, str]] = {
        "start": "it is a share of the run itself",
        "every": "it counts the steps from one of the averaged weights to the next",
    }

    start: float
    every: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= 1:
            raise ValueError(f"start must lie in [0, 1], got {self.start}")
        if self.every < 1:
            raise ValueError(f"every must be at least 1, got {self.every}")
        self._progress, self._steps, self._averaged = 0.0, 0, 0
        self._average: dict[str, Tensor] = {}
        self._live = LiveState()
        self._train: Split | None = None

    def check_data(self, train: Split) -> None:
        self._train = train  # of a run that is only tried this is all; it need not be all rows

    def prepare_data(self, train: Split) -> None:
        self._train = train

    def begin_step(self, progress: float) -> None:
        self._progress = progress

    @torch.no_grad()
    def end_step(self, model: nn.Module) -> None:
        if self.is_off or self._progress < self.start:
            return
        if self._steps % self.every == 0:
            self._take(self._live.of(model))
        self._steps += 1

    def eval_model(self, model: nn.Module) -> nn.Module:
        if self._averaged == 0:
            return model
        layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
        buffers = {id(buffer) for layer in layers for buffer in layer.buffers()}
        own = model.state_dict(keep_vars=True)  # whose names need not be those of the modules
        state, clones = dict(self._average), dict[int, Tensor]()
        for name, tensor in own.items():
            if id(tensor) in buffers:  # one that has several names is moved under all of them
                state[name] = clones.setdefault(id(tensor), state[name].clone())
        evaluated = WithWeights(model, state)
        if layers:
            for layer in layers:
                clones[id(layer.num_batches_tracked)].zero_()
            self._measure_statistics(evaluated, layers)
        return evaluated

    def note(self) -> str:
        if self.is_off:
            return ""
        each = "every step" if self.every == 1 else f"one of {self.every} steps"
        return f"averages {each} of the last {1 - self.start:.0%} of the run"

    def averaged_steps(self, steps: int) -> float:
        return (1 - self.start) * steps

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps, "averaged": self._averaged, "average": dict(self._average)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._steps, self._averaged = state["steps"], state["averaged"]
        self._average = {name: tensor.clone() for name, tensor in state["average"].items()}

    def _take(self, current: Mapping[str, Tensor]) -> None:
        """Let the average be that of one more."""
        if self._averaged == 0:
            self._average = {name: tensor.clone() for name, tensor in current.items()}
        self._average = move(self._average, current, 1 / (self._averaged + 1))
        self._averaged += 1

    @torch.no_grad()
    def _measure_statistics(self, evaluated: WithWeights, layers: list[_BatchNorm]) -> None:
        """Give the batch normalizations the statistics of the train rows under the weights evaluated.

        Raises:
            ValueError: the train rows are not known.
        """
        if self._train is None:
            raise ValueError("swa must be given the train rows (prepare_data) for the batch normalizations")
        rows = len(self._train)
        ends = [rows * part // -(-rows // ROWS) for part in range(-(-rows // ROWS) + 1)]
        with _only_training(evaluated.model, layers):
            for layer in layers:
                layer.momentum = None  # the mean over its calls, from none on
            for start, end in pairwise(ends):
                evaluated(self._train[slice(start, end)].inputs)


@contextmanager
def _only_training(model: nn.Module, layers: list[_BatchNorm]) -> Iterator[None]:
    """Put these layers into training mode, and the model they are in; everything else evaluates."""
    modes = [(module, module.training) for module in model.modules()]
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for module in (model, *layers):
        module.training = True  # of the model itself its children know nothing
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
