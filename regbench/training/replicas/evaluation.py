"""The models of a stack measured together: their logits by one function, then each one's metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import vmap

from regbench.evaluation.measurement import chunk_rows, metrics_of, scalars_of
from regbench.evaluation.view import View, view
from regbench.training.loop import Run
from regbench.training.replicas.numbers import Unlike
from regbench.training.replicas.step import StackedStep


class StackedView:
    """Measures what each run's own evaluation would.

    Args:
        runs: of the stack.
        step: whose models and weights are evaluated.
    """

    def __init__(self, runs: Sequence[Run], step: StackedStep) -> None:
        self._runs, self._step = runs, step
        self._watched = runs[0].watched()  # the same rows for all
        self._together = True

    def measured(self, evaluated: Sequence[nn.Module]) -> list[View]:
        """What is seen of each run's evaluated model, as `view` gives it.

        Args:
            evaluated: what to evaluate of each run, its own model or another.
        """
        own = all(one is run.model for one, run in zip(evaluated, self._runs, strict=True))
        if own and self._together:
            try:
                logits = {name: self._logits(name) for name in self._watched.whole}
            except (Unlike, RuntimeError, TypeError, ValueError):  # vmap cannot: each by itself
                self._together = False
            else:
                return self._seen(logits)
        return [
            view(one, self._watched, run.autocast, run.evaluate)
            for one, run in zip(evaluated, self._runs, strict=True)
        ]

    @torch.no_grad()
    def _logits(self, name: str) -> Tensor:
        """(K, rows, C) of the rows of a split that are measured, in evaluation mode."""
        split, few = self._watched.whole[name], self._watched.few.get(name)
        model = self._runs[0].model
        was_training = model.training
        model.eval()
        try:
            size = chunk_rows(split)
            starts = range(0, len(split) if few is None else len(few), size)
            places = [slice(start, start + size) for start in starts]
            chunks = [self._step.outputs(split[p if few is None else few[p]].inputs) for p in places]
        finally:
            model.train(was_training)
        return torch.cat(chunks, 1)

    def _seen(self, logits: Mapping[str, Tensor]) -> list[View]:
        """What is seen of each run, of the logits (K, rows, C) of all."""
        kept = [name for name in logits if name == "val" or name in self._watched.few]
        return [
            View(metrics, {name: logits[name][k].clone() for name in kept})
            for k, metrics in enumerate(self._metrics(logits))
        ]

    def _metrics(self, logits: Mapping[str, Tensor]) -> list[dict[str, float]]:
        splits, asked = self._watched.splits, self._runs[0].evaluate
        try:
            found = vmap(lambda one: scalars_of(one, splits, asked))(dict(logits))
        except RuntimeError:  # vmap cannot
            return [
                metrics_of({n: one[k] for n, one in logits.items()}, splits, asked)
                for k in range(len(self._runs))
            ]
        table = torch.stack(list(found.values()), 1).tolist()
        return [dict(zip(found, row, strict=True)) for row in table]
