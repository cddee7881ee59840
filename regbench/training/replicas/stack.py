"""Several runs with stacked weights: one step, and one evaluation, of all of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.evaluation.view import View
from regbench.regularizers.base import hooks
from regbench.training.loop import Run
from regbench.training.replicas.evaluation import StackedView
from regbench.training.replicas.step import StackedStep
from regbench.training.replicas.tensors import StackedTensors
from regbench.training.replicas.update import StackedUpdate

AFTER_THE_PASS = {"edit_gradients", "edit_weights", "end_step"}


class RunStack:
    """Runs that are alike in all but seeds and numbers, trained at once.

    While it stands, the model and the optimizer of each run hold views of what is stacked.

    Raises:
        Unlike: they are not alike.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self._tensors = StackedTensors([run.model for run in runs])
        self._step = StackedStep(runs, self._tensors)
        self._update = StackedUpdate(runs, self._tensors)
        self._view = StackedView(runs, self._step)
        acting = {hook for run in runs for _, leaf in run.reg.leaves() for hook in hooks(type(leaf))}
        self._edited = bool(acting & AFTER_THE_PASS)
        self._shares = self._edited or self._update.edits

    def step(self, rows: Tensor) -> dict[str, Tensor]:
        """Update the weights of all runs once; return the terms of their objectives, (K,) each.

        Args:
            rows: of each run's batch, (K, B).
        """
        self._tensors.clear_gradients()
        terms = self._step.terms(rows)
        if self._shares:
            self._tensors.share_gradients()
        if self._edited:
            for run in self.runs:
                run.clock.passes = 0
                run.reg.edit_gradients(run.model)
        for run in self.runs:
            run.clock.passes = 1
        self._update.step()
        if self._edited:
            for run in self.runs:
                run.reg.edit_weights(run.model)
                run.reg.end_step(run.model)
        return terms

    def finite(self) -> list[bool]:
        """Whether all weights of a run are finite, for each."""
        sound = [p.detach().isfinite().flatten(1).all(1) for p in self._tensors.parameters.values()]
        return torch.stack(sound).all(0).tolist()

    def measured(self, evaluated: Sequence[torch.nn.Module]) -> list[View]:
        """What is seen of what is evaluated of each run."""
        return self._view.measured(evaluated)

    def part(self) -> None:
        """Give each run weights of its own again; the state of its optimizer stays a view."""
        self._tensors.part()
