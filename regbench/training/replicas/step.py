"""One pass of all runs of a stack over their batches, as one function under `torch.func.vmap`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from regbench.nn.logits import still_logits
from regbench.training.loop import Run, objective
from regbench.training.replicas.lifting import Lifting, Read
from regbench.training.replicas.numbers import Lane
from regbench.training.replicas.tensors import StackedTensors
from regbench.training.replicas.walk import Walk
from regbench.types import Batch
from regbench.weights import stand_in


Tensors = Mapping[str, Tensor]


class Passes(nn.Module):
    """The forward passes of one step: what one run shows its model, and the terms of its objective.

    Args:
        run: the template.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.model = run.model
        self._run = run

    def forward(self, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        run, batch = self._run, Batch(inputs, targets)
        parts = max(1, min(run.accumulate, len(batch) // 2))
        shown = []
        run.clock.passes = -1
        for run.clock.micro, rows in enumerate(torch.arange(len(batch)).tensor_split(parts)):
            micro = batch if parts == 1 else batch[slice(int(rows[0]), int(rows[-1]) + 1)]
            shown.append((run.reg.transform_batch(micro), len(micro) / len(batch)))
        run.clock.passes = 0
        terms: dict[str, Tensor] = {}
        for run.clock.micro, (micro, share) in enumerate(shown):
            for name, term in objective(run, micro).items():
                part = term if share == 1 else term * share
                terms[name] = terms[name] + part if name in terms else part
        return terms


class StackedStep:
    """The loss of each run's batch and its gradient, for all runs at once.

    Args:
        runs: alike in all but seeds and numbers; the first is the template.
        tensors: their weights.

    Raises:
        Unlike: they are not alike.
    """

    def __init__(self, runs: Sequence[Run], tensors: StackedTensors) -> None:
        self._runs, self._tensors = runs, tensors
        self._count = len(runs)
        template = runs[0]
        walk = Walk([run.model for run in runs])
        for position, (name, _) in enumerate(template.reg.leaves()):
            walk.visit(f"reg.{name}", [list(run.reg.leaves())[position][1] for run in runs])
        walk.visit("reg", [run.reg for run in runs])
        walk.visit("model", [run.model for run in runs])
        self._names = {id(own): name for name, own in template.model.named_parameters()}
        lane = Lane(template.device)
        self._lifting = Lifting(walk.found, template.clock, lane, self._names)
        self._passes = Passes(template)
        self._index = torch.arange(self._count, device=template.device)

    def terms(self, rows: Tensor) -> dict[str, Tensor]:
        """The terms of each run's objective, (K,) each, with their gradients in the stacked parameters.

        Args:
            rows: of each run's batch, (K, B).
        """
        batch = self._runs[0].data.train[rows.flatten()]
        inputs = batch.inputs.view(*rows.shape, *batch.inputs.shape[1:])
        targets = batch.targets.view(*rows.shape, *batch.targets.shape[1:])
        terms = self._passed(inputs, targets)
        reduce(add, terms.values()).sum().backward()
        return {name: term.detach() for name, term in terms.items()}

    def outputs(self, inputs: Tensor) -> Tensor:
        """The logits of all runs' models for the same inputs, (K, rows, C), in the mode that they are in."""
        return self._tried(self._evaluated, (0, 0, None, 0), inputs)

    def _passed(self, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return self._tried(self._trained, (0, 0, (0, 0), 0), (inputs, targets))

    def _tried(self, function: Callable[..., Any], dims: Any, shown: Any) -> Any:
        """What the function returns for all runs; tried again for each attribute read for the first time."""
        tensors, lifting = self._tensors, self._lifting
        buffers = {name: buffer.clone() for name, buffer in tensors.buffers.items()} if lifting.unread else {}
        while True:
            lifting.begin()
            try:
                vmapped = vmap(function, dims, randomness="error")
                return vmapped(tensors.parameters, tensors.buffers, shown, self._index)
            except Read as error:
                lifting.use(error.slot)
                for name, buffer in buffers.items():
                    tensors.buffers[name].copy_(buffer)

    def _trained(self, parameters: Tensors, buffers: Tensors, shown: Any, index: Tensor) -> Any:
        for name, parameter in parameters.items():
            stand_in(parameter, self._tensors.parameters[name])
        standing = {**parameters, **buffers}
        with self._lifting.lifted(index, standing):
            named = {f"model.{name}": tensor for name, tensor in standing.items()}
            return functional_call(self._passes, named, shown)

    def _evaluated(self, parameters: Tensors, buffers: Tensors, inputs: Tensor, index: Tensor) -> Any:
        run = self._runs[0]
        standing = {**parameters, **buffers}
        with self._lifting.lifted(index, standing), run.autocast():
            output = functional_call(run.model, standing, (inputs,))
        task = run.data.task
        return still_logits(output, len(inputs), task.outputs, task.returned).float()
