"""The models of a stack measured together: their logits by one function, then each one's metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from regbench.evaluation.measurement import CHUNK, MEASURES, measure
from regbench.training.loop import Run
from regbench.training.replicas.numbers import Unlike
from regbench.training.replicas.step import StackedStep
from regbench.types import Split


class StackedView:
    """Measures what each run's own evaluation would.

    Args:
        runs: of the stack.
        step: whose models and weights are evaluated.
    """

    def __init__(self, runs: Sequence[Run], step: StackedStep) -> None:
        self._runs, self._step = runs, step
        data = runs[0].data
        self._splits = {"train": data.measured, "select": data.select, "val": data.val}
        self._together = True

    def measured(self, evaluated: Sequence[nn.Module]) -> list[dict[str, float]]:
        """The metrics of each run's evaluated model, as `measure` gives them.

        Args:
            evaluated: what to evaluate of each run, its own model or another.
        """
        own = all(one is run.model for one, run in zip(evaluated, self._runs, strict=True))
        if own and self._together:
            try:
                logits = {name: self._logits(split) for name, split in self._splits.items()}
            except (Unlike, RuntimeError, TypeError, ValueError):  # vmap cannot: each by itself
                self._together = False
            else:
                return [
                    self._metrics({name: each[k] for name, each in logits.items()}, run)
                    for k, run in enumerate(self._runs)
                ]
        return [
            measure(one, run.data, run.autocast, run.evaluate)
            for one, run in zip(evaluated, self._runs, strict=True)
        ]

    @torch.no_grad()
    def _logits(self, split: Split) -> Tensor:
        """(K, rows, C), in evaluation mode."""
        model = self._runs[0].model
        was_training = model.training
        model.eval()
        try:
            starts = range(0, len(split), CHUNK)
            chunks = [self._step.outputs(split[slice(start, start + CHUNK)].inputs) for start in starts]
        finally:
            model.train(was_training)
        return torch.cat(chunks, 1)

    @torch.no_grad()
    def _metrics(self, logits: Mapping[str, Tensor], run: Run) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, split in self._splits.items():
            for word in (None, *(run.evaluate if name == "val" else ())):
                for measure_some in MEASURES[split.task.name].get(word, ()):
                    some = measure_some(logits[name], split)
                    found |= {f"{name}/{metric}": value for metric, value in some.items()}
        return found
